// implementation.hpp: one way to save the packets of a rig. Each implementation is one small file; what it saved is
// compared with the reference packets before it is ever timed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vmbsave/executor.hpp"
#include "vmbsave/save.hpp"

namespace vmbsave::bench {

class Rig;

// What a run of an implementation may be given; each uses what applies to it.
struct RunOptions {
  Executor* executor = nullptr;  // nullptr: the calling thread alone
  SavePlan plan = SavePlan::kAuto;
  bool checksum = false;
};

class Implementation {
 public:
  virtual ~Implementation() = default;

  virtual const char* name() const noexcept = 0;  // such as "engine"

  // One save; gives the nanoseconds from begin until the image is complete. What ends the save is not part of them.
  // Throws CheckFailed with one clear line if it fails.
  virtual std::uint64_t save() = 0;

  // Of the last save's image, headers included.
  virtual std::uint64_t image_bytes() const = 0;

  // Empty if the last save's image holds exactly the reference packets; else the first difference, in one line.
  virtual std::string difference() const = 0;

  // Where the last save's image lies: what has to leave the caches before a cold save, beside the packets.
  virtual std::vector<std::span<const std::byte>> image_memory() const = 0;

  // Gives back the memory of the last save's image, so that the next save maps it and faults it in anew. Those whose
  // memory is an allocator's leave it there.
  virtual void forget() {}

  // Of the last save; nullptr for those without phases.
  virtual const SaveReport* report() const { return nullptr; }
};

// All made by their files of the same names. The rig outlives them. Options of a C face are the VM's: of several on one
// rig, the last one made sets them.
std::unique_ptr<Implementation> make_engine(Rig& rig, const RunOptions& options);  // the C++ session
std::unique_ptr<Implementation> make_c_face(Rig& rig, const RunOptions& options);  // kmcl.h
std::unique_ptr<Implementation> make_documented_sequential(Rig& rig,
                                                           const RunOptions& options);     // the documented calls
std::unique_ptr<Implementation> make_copy_floor(Rig& rig, const RunOptions& options);      // a copy of the bytes
std::unique_ptr<Implementation> make_contract_floor(Rig& rig, const RunOptions& options);  // the VSP copies them

// How far ahead a copy floor fetches packets into the cache. DECISIONS.md of the engine has the search.
struct FloorPrefetch {
  unsigned packets = 8;
  unsigned bytes = 1024;  // of each packet: the processor fetches the rest of a longer one by itself; 0: no prefetch
};
std::unique_ptr<Implementation> make_copy_floor_at(Rig& rig, const RunOptions& options, const FloorPrefetch& prefetch);

}  // namespace vmbsave::bench
