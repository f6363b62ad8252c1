// small_pages.hpp: as long as one lives, what this process faults in comes in pages of 4 KiB.
#pragma once

namespace vmbsave::bench {

// One at a time. What was faulted in before keeps the pages that it has.
class SmallPages {
 public:
  SmallPages();  // throws std::runtime_error in one line if the system refuses
  ~SmallPages();
  SmallPages(const SmallPages&) = delete;
};

}  // namespace vmbsave::bench
