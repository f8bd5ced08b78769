// How a step is divided among threads.
#pragma once

#include "execution/steps.h"

namespace hybrid_tf {

struct Division {
  int parts;       // that may run at once
  bool by_blocks;  // parts are ranges of blocks of channels, not of pixels
};

Division divide(const Work& work, int threads);

// The ranges of one part.
struct Part {
  Range pixels, blocks;
};

Part part_of(const Work& work, const Division& division, int part);

}  // namespace hybrid_tf
