// The version of the runtime; the package reads it here.
#pragma once

#define HYBRID_TF_RUNTIME_VERSION "0.1.0"
