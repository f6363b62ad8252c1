// Profiles: what is drawn from them, what is written of them, and that a file with a field that cannot be is refused.
#include <limits>
#include <map>
#include <set>

#include "json_schema.hpp"
#include "unit/profile_text.hpp"
#include "unit/trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

using OrderedJson = nlohmann::ordered_json;

// FNV-1a over every field.
std::uint64_t hash_of(const Trace& trace) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  const auto add = [&](std::uint64_t word) { hash = (hash ^ word) * 0x100000001B3U; };
  for (const Request& r : trace.requests) {
    for (const std::uint64_t word : {r.submit_ns, r.complete_ns, r.lba, r.tag, std::uint64_t{r.bytes},
                                     std::uint64_t{r.first_byte}, std::uint64_t{r.queue}}) {
      add(word);
    }
    add(static_cast<std::uint64_t>(r.operation));
  }
  add(trace.queues.size());
  add(trace.service_time_ns.value_or(0));
  return hash;
}

// Found with the tables that were in the program before profiles were files: committed results, mixes of states and
// the gate's packets follow from these requests.
TEST(Profile, RequestsOfTheFirstTwoAreThoseThatTheyAlwaysWere) {
  EXPECT_EQ(hash_of(from_profile("cloudphysics")), 0xD8667D1F1B77253FU);
  EXPECT_EQ(hash_of(from_profile("open-cas")), 0x5280F4EBCB89AD01U);
}

TEST(Profile, BuiltInOnesAreWhatTheSchemaSaysAndWhatIsWritten) {
  std::istringstream names(profile_names());
  unsigned count = 0;
  for (std::string name; std::getline(names >> std::ws, name, ','); ++count) {
    std::ifstream file(VMBSAVE_PROFILES "/profiles/" + name + ".json");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    tests::Schema(VMBSAVE_PROFILES "/profile.schema.json").expect_matches(nlohmann::json::parse(text));
    EXPECT_EQ(profile_json(built_in_profile(name)), text) << name;
    EXPECT_EQ(built_in_profile(name).name, name);
    EXPECT_FALSE(from_profile(name).requests.empty()) << name;
  }
  EXPECT_EQ(count, 7U);
}

TEST(Profile, OfAnUnknownNameListsTheOthers) {
  try {
    from_profile("none");
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("no profile 'none'; there are: cloudphysics, open-cas"), std::string::npos)
        << error.what();
  }
}

TEST(Profile, RequestsAreDrawnAsItSays) {
  const Profile profile = parse(small_profile());
  const Trace trace = generate(profile);
  EXPECT_EQ(hash_of(trace), hash_of(generate(profile)));
  std::map<std::uint32_t, unsigned> sizes;
  std::map<Operation, unsigned> operations;
  for (const Request& request : trace.requests) {
    ++sizes[request.bytes];
    ++operations[request.operation];
    EXPECT_LT(request.queue, 2);
  }
  const auto all = static_cast<double>(trace.requests.size());
  EXPECT_GE(trace.requests.size(), 200U * 2) << "200 bursts, of 2 or 9";
  EXPECT_LE(trace.requests.size(), 200U * 9);
  EXPECT_EQ(sizes.size(), 2U);
  EXPECT_NEAR(sizes[4096] / all, 15.0 / 17, 0.05);
  EXPECT_EQ(operations.size(), 2U) << "no discards";
  EXPECT_NEAR(operations[Operation::kRead] / all, 6.0 / 18, 0.05);
  EXPECT_EQ(trace.queues, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(trace.service_time_ns, 500U);
}

TEST(Profile, QueuesAreDrawnByTheirRequestsOrEvenly) {
  OrderedJson json = small_profile();
  const auto on_second = [&] {
    const Trace trace = generate(parse(json));
    const auto count = std::count_if(trace.requests.begin(), trace.requests.end(),
                                     [](const Request& request) { return request.queue == 1; });
    return static_cast<double>(count) / static_cast<double>(trace.requests.size());
  };
  EXPECT_NEAR(on_second(), 0.05, 0.04);
  json["queues"]["drawn"] = "evenly";
  EXPECT_NEAR(on_second(), 0.5, 0.1);
}

TEST(Profile, OfANetworkDrawsFrames) {
  OrderedJson json = small_profile();
  json["kind"] = "network";
  json["operations"] = {{"transmit", 15}, {"receive", 5}};
  json["sizes"]["of_trace"] = {{{"bytes", 1514}, {"requests", 17}}, {{"bytes", 66}, {"requests", 2}}};
  const Trace trace = generate(parse(json));
  const auto transmitted = std::count_if(trace.requests.begin(), trace.requests.end(), [](const Request& request) {
    return request.operation == Operation::kTransmit;
  });
  EXPECT_NEAR(static_cast<double>(transmitted) / static_cast<double>(trace.requests.size()), 0.75, 0.05);
  for (const Request& request : trace.requests) {
    EXPECT_TRUE(request.operation == Operation::kTransmit || request.operation == Operation::kReceive);
    EXPECT_TRUE(request.bytes == 1514 || request.bytes == 66);
    EXPECT_EQ(request.lba, 0U);
  }
}

TEST(Profile, ALargePeakIsDrawnInFewerBursts) {
  OrderedJson json = small_profile();
  json["trace"]["requests"] = 1'000'000;
  json["sizes"]["of_trace"][0]["requests"] = 999'995;
  json["operations"]["write"] = 999'992;
  json["queues"]["of_trace"][0]["requests"] = 999'999;
  json["arrivals"]["levels"] = {{{"share", 1}, {"in_use", 900'000}}};
  EXPECT_EQ(generate(parse(json)).requests.size(), 4 * 900'000U) << "4,194,304 at most";
}

std::string error_of_json(const std::string& json) {
  try {
    (void)parse_profile(json, "FILE");
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const char* pointer, const OrderedJson& value, const std::string& words) {
  OrderedJson json = small_profile();
  json[OrderedJson::json_pointer(pointer)] = value;
  const std::string error = error_of_json(json.dump());
  EXPECT_TRUE(error.starts_with("FILE: ")) << pointer << ": " << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  EXPECT_NE(error.find(words), std::string::npos) << pointer << " = " << value << ": " << error;
}

// Every member is needed, and none may be of another type.
void expect_members_needed(const OrderedJson& object, const std::string& pointer) {
  for (const auto& [key, value] : object.items()) {
    OrderedJson json = small_profile();
    const OrderedJson::json_pointer at(pointer);
    if (object.is_object()) {
      json[at].erase(key);
      const std::string error = error_of_json(json.dump());
      EXPECT_NE(error.find("expected an object with '" + key + "'"), std::string::npos) << pointer << ": " << error;
    }
    for (const OrderedJson& other :
         {OrderedJson(nullptr), OrderedJson("x"), OrderedJson(-1), OrderedJson(1e300), OrderedJson(true),
          OrderedJson::array(), OrderedJson::object(), OrderedJson(std::string(2000, 'x'))}) {
      if (value.is_string() && other == "x" &&
          (key == "name" || key == "source" || key == "credit" || key == "format")) {
        continue;
      }
      json = small_profile();
      json[at / key] = other;
      EXPECT_TRUE(error_of_json(json.dump()).starts_with("FILE: ")) << pointer << "/" << key << " = " << other;
    }
    if (value.is_structured()) expect_members_needed(value, pointer + "/" + key);
  }
}

TEST(Profile, EveryMemberIsNeededAndOfItsType) { expect_members_needed(small_profile(), ""); }

TEST(Profile, RefusesNumbersOutOfRange) {
  EXPECT_EQ(error_of_json(small_profile().dump()), "");
  expect_refused("/schema", "vmbsave-profile-2", "schema: expected 'vmbsave-profile-1', found \"vmbsave-profile-2\"");
  expect_refused("/kind", "tape", "kind: expected 'block' or 'network', found \"tape\"");
  expect_refused("/trace/requests", 0, "trace.requests: expected a whole number from 1 to 9007199254740992, found 0");
  expect_refused("/trace/requests", 20.0, "trace.requests: expected a whole number");
  expect_refused("/trace/span_ns", UINT64_MAX, "trace.span_ns: expected a whole number from 0 to");
  expect_refused("/trace/span_ns", 1501, "in_use.end_ns: expected a whole number from 1501 to");
  expect_refused("/completions/measured", 21, "completions.measured: expected a whole number from 0 to 20, found 21");
  expect_refused("/completions/service_time_ns", 0, "completions.service_time_ns: expected a whole number from 1 to");
  expect_refused("/completions/service_time_ns", 10'000'000'000'000'001, "to 10000000000000000, found");
  expect_refused("/sizes/of_trace/1/bytes", 0, "sizes.of_trace[1].bytes: expected a whole number from 1 to 4294967295");
  expect_refused("/sizes/of_trace/1/bytes", 4294967296, "sizes.of_trace[1].bytes: expected a whole number from 1 to");
  expect_refused("/sizes/of_trace/1/bytes", 513, "sizes.of_trace[1].bytes: expected a multiple of 512, found 513");
  expect_refused("/sizes/of_trace/1/requests", 0, "sizes.of_trace[1].requests: expected a whole number from 1 to");
  expect_refused("/sizes/rounded_up_to", 0, "sizes.rounded_up_to: expected a whole number from 1 to");
  expect_refused("/sizes/min_count", 0, "sizes.min_count: expected a whole number from 1 to");
  expect_refused("/queues/drawn", "", "queues.drawn: expected text");
  expect_refused("/queues/drawn", "twice", "queues.drawn: expected 'by requests' or 'evenly', found \"twice\"");
  expect_refused("/queues/of_trace/1/queue", 3, "queues.of_trace[1].queue: expected a whole number from 4 to 65535");
  expect_refused("/queues/of_trace/1/queue", 65536,
                 "queues.of_trace[1].queue: expected a whole number from 4 to 65535");
  expect_refused("/in_use/peak", 21, "in_use.peak: expected a whole number from 0 to 20, found 21");
  expect_refused("/in_use/peak_at_ns", 1501, "in_use.peak_at_ns: expected a whole number from 0 to 1500, found 1501");
  expect_refused("/in_use/mean", 9.5, "in_use.mean: expected a number from 0 to 9, found 9.5");
  expect_refused("/in_use/buckets/bucket_ns", 6, "in_use.buckets.bucket_ns: expected at most 240 of them to end_ns");
  expect_refused("/in_use/buckets/means", {1, 2},
                 "in_use.buckets.means: expected an array of 3 to 3, found an array of 2");
  expect_refused("/in_use/buckets/means/1", 9.5, "in_use.buckets.means[1]: expected a number from 0 to 9, found 9.5");
  expect_refused("/in_use/buckets/peaks/1", 10,
                 "in_use.buckets.peaks[1]: expected a whole number from 0 to 9, found 10");
}

TEST(Profile, RefusesWhatDoesNotAddUp) {
  const std::string too_many = "as the trace has no more requests";
  expect_refused("/operations/read", 7, "operations.discard: expected at most 1, " + too_many + ", found 2");
  expect_refused("/operations/read", 5, "operations: expected requests that add up to those of the trace, 1 more");
  expect_refused("/sizes/of_trace/1/requests", 3, "sizes.of_trace[1].requests: expected at most 2, " + too_many);
  expect_refused("/sizes/of_trace/1/requests", 1, "sizes.of_trace: expected requests that add up");
  expect_refused("/sizes/left_out/requests", 9'007'199'254'740'992, too_many);
  expect_refused("/queues/of_trace/1/requests", 2, "queues.of_trace[1].requests: expected at most 1, " + too_many);
  expect_refused("/queues/of_trace/0/requests", 18, "queues.of_trace: expected requests that add up");
}

TEST(Profile, RefusesListsThatAreEmptyOrTooLong) {
  const auto many = [](std::size_t count, const OrderedJson& element) {
    return OrderedJson(std::vector<OrderedJson>(count, element));
  };
  for (const char* const list : {"/sizes/of_trace", "/queues/of_trace", "/arrivals/levels", "/in_use/levels"}) {
    expect_refused(list, OrderedJson::array(), "expected an array of 1 to ");
  }
  expect_refused("/sizes/of_trace", many(4097, {{"bytes", 512}, {"requests", 1}}), "an array of 4097");
  expect_refused("/queues/of_trace", many(65537, 1), "an array of 65537");
  expect_refused("/arrivals/levels", many(65, 1), "an array of 65");
}

TEST(Profile, RefusesLevelsThatDoNotAscend) {
  for (const std::string at : {"/arrivals/levels", "/in_use/levels"}) {
    expect_refused((at + "/0/share").c_str(), 1, "levels[1].share: expected more than the one before");
    expect_refused((at + "/0/share").c_str(), 0, "levels[0].share: expected more than the one before");
    expect_refused((at + "/1/share").c_str(), 0.999, "levels: expected a last share of 1");
    expect_refused((at + "/1/share").c_str(), 1.001, "levels[1].share: expected a number from 0 to 1");
  }
  expect_refused("/arrivals/levels/1/in_use", 1, "arrivals.levels[1].in_use: expected a whole number from 2 to 20");
  expect_refused("/arrivals/levels/0/in_use", 0, "arrivals.levels[0].in_use: expected a whole number from 1 to 20");
  expect_refused("/arrivals/levels/1/in_use", 21, "arrivals.levels[1].in_use: expected a whole number from 2 to 20");
  expect_refused("/in_use/levels/1/in_use", 10, "in_use.levels[1].in_use: expected a whole number from 0 to 9");
}

// A burst of them is made in memory.
TEST(Profile, RefusesMoreInUseThanAReplayMakes) {
  OrderedJson json = small_profile();
  const std::uint64_t more = kMostInUse + 1;
  json["trace"]["requests"] = more;
  json["sizes"]["of_trace"][0]["requests"] = more - 5;
  json["operations"]["write"] = more - 8;
  json["queues"]["of_trace"][0]["requests"] = more - 1;
  json["arrivals"]["levels"][1]["in_use"] = more;
  EXPECT_EQ(error_of_json(json.dump()),
            "FILE: arrivals.levels[1].in_use: expected a whole number from 2 to 1048576, found 1048577");
}

TEST(Profile, RefusesWhatIsNoJson) {
  const std::string words = "FILE: expected JSON, of 16 levels at most";
  for (const std::string& text : {std::string(), std::string("{"), std::string("\xff"), std::string("{\"a\": 1e999}"),
                                  std::string(100'000, '['), small_profile().dump() + "x"}) {
    EXPECT_EQ(error_of_json(text), words) << text.substr(0, 40);
  }
  EXPECT_EQ(error_of_json("[]"), "FILE: expected an object, found an array of 0");
  EXPECT_NE(error_of_json(std::string((16 << 20) + 1, ' ')).find("FILE: expected at most 16777216 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace vmbsave::trace::test
