// corpus_calls.cpp: programs of calls: what a VSP does from day to day, and what it should not.
#include <initializer_list>
#include <utility>

#include "fuzz/calls_line.hpp"
#include "fuzz/calls_steps.hpp"
#include "fuzz/corpus.hpp"

namespace vmbsave::fuzz {
namespace {

// Writes a program, for line 0 unless another one is chosen.
class Writer {
 public:
  explicit Writer(bool one_vm) { bytes_.push_back(std::byte{one_vm}); }

  Writer& on(unsigned line) { return line_ = line, *this; }
  Writer& step(Step step, std::initializer_list<unsigned> operands = {}) {
    bytes_.push_back(std::byte{code_of(step, line_)});
    for (const unsigned operand : operands) bytes_.push_back(static_cast<std::byte>(operand));
    return *this;
  }

  Writer& up() { return step(Step::kEnable).step(Step::kOpen).step(Step::kStart); }
  Writer& packets(unsigned count, unsigned mood = 0) {
    for (unsigned i = 0; i < count; ++i) step(Step::kReceive, {i == 1 && mood != 0 ? 240 + mood : 0, i * 17});
    return step(Step::kProcess, {0});
  }
  Writer& sent() {
    step(Step::kSend, {30, 1, 0, 9}).step(Step::kTurnRoom);
    return step(Step::kSend, {24, 0, 0, 0}).step(Step::kTurnRoom);
  }
  Writer& whole(unsigned alignment = 0) { return step(Step::kSaveContinue, {3, alignment}); }
  Writer& saved() { return step(Step::kSaveBegin).whole(); }
  // Whole chunks, each with exactly the room it needs.
  Writer& by_chunks(unsigned chunks) {
    step(Step::kSaveContinue, {0, 0, 1});
    for (unsigned i = 0; i < chunks; ++i) step(Step::kSaveContinue, {2, 1});
    return *this;
  }
  Writer& restored(unsigned how, unsigned stream = 0, unsigned at = 0) {
    return step(Step::kRestore, {how, stream, at & 0xFF, at >> 8});
  }
  Seed seed(const char* name) const { return {name, bytes_}; }

 private:
  unsigned line_ = 0;
  std::vector<std::byte> bytes_;
};

Writer started(bool one_vm) {
  Writer writer(one_vm);
  writer.up().packets(5).sent().on(1).up().packets(3).on(0);
  return writer;
}

void add_saves(std::vector<Seed>& seeds) {
  for (const bool one_vm : {false, true}) {
    const std::string vm = one_vm ? "_one_vm" : "_two_vms";
    seeds.push_back(started(one_vm).saved().step(Step::kSaveEnd).seed(("save" + vm).c_str()));
    seeds.push_back(
        started(one_vm).step(Step::kSaveBegin).by_chunks(4).step(Step::kSaveEnd).seed(("chunks" + vm).c_str()));
    seeds.push_back(started(one_vm)
                        .saved()
                        .on(1)
                        .saved()
                        .step(Step::kSaveEnd)
                        .on(0)
                        .step(Step::kComplete, {1})
                        .step(Step::kSaveEnd)
                        .seed(("joined" + vm).c_str()));
    seeds.push_back(started(one_vm)
                        .saved()
                        .step(Step::kDisable)
                        .step(Step::kSaveEnd)
                        .step(Step::kEnable)
                        .restored(0)
                        .step(Step::kOpen)
                        .step(Step::kStart)
                        .packets(1)
                        .seed(("moved" + vm).c_str()));
    seeds.push_back(started(one_vm)
                        .saved()
                        .step(Step::kSaveEnd)
                        .on(1)
                        .step(Step::kPause)
                        .step(Step::kDisable)
                        .step(Step::kEnable)
                        .restored(1)
                        .step(Step::kComplete, {0})
                        .step(Step::kOpen)
                        .step(Step::kStart)
                        .seed(("copied" + vm).c_str()));
    seeds.push_back(started(one_vm)
                        .step(Step::kSaveBegin)
                        .step(Step::kComplete, {0})
                        .on(1)
                        .step(Step::kDisable)
                        .on(0)
                        .whole()
                        .step(Step::kSaveEnd)
                        .on(1)
                        .up()
                        .seed(("left" + vm).c_str()));
    seeds.push_back(started(one_vm)
                        .saved()
                        .on(1)
                        .step(Step::kCleanup)
                        .on(0)
                        .step(Step::kCleanup)
                        .up()
                        .packets(2)
                        .seed(("cleaned_up" + vm).c_str()));
  }
  seeds.push_back(started(true)
                      .step(Step::kSaveBegin)
                      .step(Step::kSaveContinue, {1, 77, 2, 2})
                      .step(Step::kSaveContinue, {1, 1, 3, 1})
                      .whole(1)
                      .step(Step::kSaveEnd)
                      .seed("odd_buffers"));
  for (unsigned options = 1; options < 64; options = options * 2 + 1) {
    seeds.push_back(started(true)
                        .step(Step::kOptions, {options})
                        .saved()
                        .step(Step::kSaveEnd)
                        .restored(0)
                        .seed(("options_" + std::to_string(options)).c_str()));
  }
  for (unsigned mood = 1; mood < kMoods; ++mood) {
    Writer writer(true);
    writer.up().packets(4, mood).saved().whole().step(Step::kSaveEnd).step(Step::kComplete, {0}).saved();
    seeds.push_back(writer.seed(("mood_" + std::to_string(mood)).c_str()));
  }
}

// A channel is saved and emptied; then it is given back what was saved.
Writer to_restore() {
  Writer writer = started(true);
  writer.saved().step(Step::kDisable).step(Step::kSaveEnd).step(Step::kEnable);
  return writer;
}

void add_restores(std::vector<Seed>& seeds) {
  for (unsigned how = 0; how < 5; ++how) {
    seeds.push_back(to_restore()
                        .restored(how, 0, 300)
                        .restored(0)
                        .step(Step::kSaveBegin)
                        .whole()
                        .step(Step::kSaveEnd)
                        .seed(("restore_" + std::to_string(how)).c_str()));
  }
  seeds.push_back(to_restore()
                      .step(Step::kTurnRefusal)
                      .restored(0)
                      .step(Step::kTurnRefusal)
                      .restored(0)
                      .restored(0)
                      .seed("restore_refused"));
  seeds.push_back(to_restore()
                      .step(Step::kOpen)
                      .step(Step::kTurnRoom)
                      .restored(0)
                      .step(Step::kTurnRoom)
                      .restored(0)
                      .step(Step::kStart)
                      .seed("restore_without_room"));
  seeds.push_back(to_restore()
                      .restored(2, 0, 2)
                      .step(Step::kSend, {8, 1, 0, 0})
                      .restored(0)
                      .step(Step::kSaveBegin)
                      .seed("restore_half"));
  seeds.push_back(to_restore()
                      .restored(0)
                      .step(Step::kComplete, {0})
                      .step(Step::kClose)
                      .step(Step::kOpen)
                      .step(Step::kStart)
                      .step(Step::kAnswer, {4})
                      .step(Step::kProcess, {0})
                      .step(Step::kPause)
                      .seed("restore_and_go_on"));
}

}  // namespace

std::vector<Seed> calls_seeds() {
  std::vector<Seed> seeds;
  add_saves(seeds);
  add_restores(seeds);
  seeds.push_back(Writer(true)
                      .step(Step::kMisuse)
                      .step(Step::kSaveBegin)
                      .whole()
                      .step(Step::kSaveEnd)
                      .step(Step::kPause)
                      .step(Step::kDisable)
                      .step(Step::kStart)
                      .step(Step::kOpen)
                      .step(Step::kClose)
                      .step(Step::kEnable)
                      .step(Step::kMisuse)
                      .step(Step::kEnable)
                      .seed("out_of_order"));
  seeds.push_back(started(true)
                      .saved()
                      .step(Step::kAnswer, {0})
                      .step(Step::kProcess, {0})
                      .step(Step::kSaveEnd)
                      .step(Step::kProcess, {0})
                      .seed("answer_during_save"));
  seeds.push_back(started(true)
                      .step(Step::kAnswer, {0})
                      .step(Step::kAnswer, {9})
                      .step(Step::kProcess, {1})
                      .step(Step::kProcess, {0})
                      .step(Step::kClose)
                      .step(Step::kOpen)
                      .seed("answers"));
  seeds.push_back(started(true)
                      .packets(9)
                      .step(Step::kComplete, {255})
                      .packets(1)
                      .step(Step::kPause)
                      .step(Step::kStart)
                      .seed("quota_and_failure"));
  return seeds;
}

}  // namespace vmbsave::fuzz
