// calls_program.hpp: a program of calls of the C face, on two channels of one VM or of two. Every status is a
// documented one, nothing is written beside a buffer, and at all times each packet is in use, in an image, or over.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "fuzz/calls_line.hpp"
#include "fuzz/calls_steps.hpp"
#include "fuzz/calls_stream.hpp"

namespace vmbsave::fuzz {

class Program {
 public:
  explicit Program(Input input);
  void run();

 private:
  static constexpr unsigned kLines = 2;

  unsigned byte();
  unsigned word();

  bool is_saving(unsigned l) const;  // the VM of this line
  void make_line(unsigned l);
  void step(Step code, unsigned l);

  // ---- packets ----

  void receive(CallsLine& line);
  Request request();
  void process(CallsLine& line);
  void complete(CallsLine& line);
  void send(CallsLine& line);
  void answer(CallsLine& line);

  // ---- a save ----

  void save_begin(unsigned l);
  std::size_t room_bytes(unsigned l);
  void save_continue(unsigned l);
  void refused(CallsLine& line, NTSTATUS status, ULONG filled);
  void save_done(unsigned l);
  void save_end(unsigned l);
  void save_ended(unsigned l);

  // ---- a channel's life ----

  void enable(CallsLine& line);
  void disable(unsigned l);
  void cleanup(unsigned l);
  void open(CallsLine& line);
  void close(CallsLine& line);
  void set_options(unsigned l, unsigned code);

  // ---- a restore ----

  void restore(CallsLine& line);
  NTSTATUS feed(CallsLine& line, const CallsStream& stream, std::size_t first, std::size_t end);
  NTSTATUS feed_chunks(CallsLine& line, const CallsStream& stream, std::size_t chunks);
  void damaged(CallsLine& line, const CallsStream& stream, std::size_t at);
  void restored(CallsLine& line, const CallsStream& stream, NTSTATUS status, bool is_damaged);

  // ---- calls that may do nothing ----

  void misuse(CallsLine& line);
  void finish();

  Input rest_;  // what is not read yet
  bool one_vm_ = false;
  UINT64 last_id_ = 0;
  std::vector<std::unique_ptr<CallsLine>> gone_;  // before lines_: outlive the VM
  std::unique_ptr<CallsLine> lines_[kLines];
  bool leaving_[kLines] = {};  // disabled while a save ran
  bool done_[kLines] = {};     // SaveContinue has returned STATUS_SUCCESS
  ULONG required_[kLines] = {};
  std::deque<CallsStream> streams_;
};

}  // namespace vmbsave::fuzz
