#pragma once
#include "tflm.h"  // a test's stand-in for the header of this name in TFLM
