// plugin_engine.cpp: a shared library with an engine in it, which a VSP may come with.
#include "vmbsave/kmcl_ext.h"

extern "C" __attribute__((visibility("default"))) int plugin_engine(void);

int plugin_engine(void) {
  VMBCHANNEL channel = nullptr;
  return VmbChannelAllocate(nullptr, 1, &channel);
}
