// How op kinds group: for residuals, and which kind stands in for one without measurements.
#pragma once

#include <optional>

#include "core/op.h"

namespace orrery::hw {

/// Memory-bound kernels that only stream: their efficiency stands for kinds no table covers.
bool IsStreaming(OpKind kind);
/// The kind whose kernel does most nearly the same; absent if none does.
std::optional<OpKind> StandIn(OpKind kind);

}  // namespace orrery::hw
