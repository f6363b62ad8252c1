// webdriver.hpp: a browser without a window, driven by chromedriver.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace vmbsave::tests {

// The driver, until it is destroyed; two minutes at most.
class Driver {
 public:
  Driver() : output_(popen("exec timeout 120 chromedriver --port=0 2>/dev/null", "r")) {
    char line[256];
    constexpr const char* kFound = "successfully on port ";
    while (output_ != nullptr && port_ == 0 && std::fgets(line, sizeof line, output_) != nullptr) {
      const std::string text = line;
      const std::size_t at = text.find(kFound);
      if (at != std::string::npos) port_ = static_cast<std::uint16_t>(std::stoi(text.substr(at + 21)));
    }
    if (port_ == 0) throw std::runtime_error("chromedriver says no port");
  }
  ~Driver() {
    try {
      (void)ask("GET", "/shutdown", nullptr);
    } catch (const std::exception&) {
      // It ends with its time.
    }
    pclose(output_);
  }
  Driver(const Driver&) = delete;

  // The value that it answers with; throws what it complains of.
  nlohmann::json ask(const std::string& method, const std::string& path, const nlohmann::json& body) const {
    const std::string text = body.is_null() ? "" : body.dump();
    const std::string answer = exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                                        std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + text);
    const nlohmann::json value = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).at("value");
    if (value.is_object() && value.contains("error")) throw std::runtime_error(value.dump());
    return value;
  }

 private:
  std::string exchange(const std::string& request) const {
    const int to = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string answer;
    if (connect(to, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        send(to, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
      char block[65536];
      for (ssize_t got; (got = recv(to, block, sizeof block, 0)) > 0 && !is_whole(answer);) {
        answer.append(block, static_cast<std::size_t>(got));
        if (is_whole(answer)) break;
      }
    }
    close(to);
    return answer;
  }

  // Whether it keeps the connection or not.
  static bool is_whole(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    const std::size_t length = answer.find("Content-Length:");
    if (head == std::string::npos || length == std::string::npos) return false;
    return answer.size() >= head + 4 + std::stoul(answer.substr(length + 15));
  }

  FILE* output_;
  std::uint16_t port_ = 0;
};

// One page at one width.
class Browser {
 public:
  Browser(const Driver& driver, int width, bool dark) : driver_(driver) {
    nlohmann::json options = {
        {"args", {"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"}},
        {"mobileEmulation", {{"deviceMetrics", {{"width", width}, {"height", 900}, {"pixelRatio", 1}}}}}};
    if (dark) options["args"].push_back("--blink-settings=preferredColorScheme=0");
    const nlohmann::json wanted = {{"browserName", "chrome"},
                                   {"goog:chromeOptions", options},
                                   {"goog:loggingPrefs", {{"browser", "ALL"}, {"performance", "ALL"}}}};
    session_ = "/session/" + driver_.ask("POST", "/session", {{"capabilities", {{"alwaysMatch", wanted}}}})
                                 .at("sessionId")
                                 .get<std::string>();
  }
  ~Browser() {
    try {
      (void)driver_.ask("DELETE", session_, nullptr);
    } catch (const std::exception&) {
      // The driver ends it.
    }
  }
  Browser(const Browser&) = delete;

  void open(const std::string& url) const { (void)driver_.ask("POST", session_ + "/url", {{"url", url}}); }
  nlohmann::json evaluate(const std::string& script) const {
    return driver_.ask("POST", session_ + "/execute/sync", {{"script", script}, {"args", nlohmann::json::array()}});
  }
  nlohmann::json log(const char* kind) const { return driver_.ask("POST", session_ + "/se/log", {{"type", kind}}); }

 private:
  const Driver& driver_;
  std::string session_;
};

}  // namespace vmbsave::tests
