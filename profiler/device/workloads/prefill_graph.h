// Causal attention over whole sequences as a cuDNN operation graph: the pieces of its flash-attention kernels
// (two products, scale, mask, softmax; backward likewise), which cuDNN's heuristics match to one kernel.
// cuDNN 9.19's single SDPA operation takes no mask (that came with 9.21), the composite graph does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "profiler/device/runtime/cudnn_library.h"

namespace orrery::profiler {

/// Causal self-attention in BF16. Operands are [batch, length, heads, width], innermost width.
struct PrefillShape {
  std::int64_t batch = 1, heads = 1, length = 1, d_qk = 128, d_v = 128;
  double scale = 1.0;  ///< of the logits
};

enum class PrefillPass { kForward, kBackward };

/// Names of the tensors a pass reads and writes; the value is cuDNN's unique id.
enum class PrefillTensor : std::int64_t {
  kQuery = 1,
  kKey,
  kValue,
  kOut,    ///< forward writes, backward reads
  kStats,  ///< FP32 [batch, heads, length]: log of the sum of exponentials, likewise
  kDOut,   ///< backward only, as all below
  kDQuery,
  kDKey,
  kDValue,
  kDelta,      ///< FP32 [batch, heads, length]: scratch, row sums of dO * O
  kDQuerySum,  ///< FP32 [batch, heads, length, d_qk]: scratch, dQ while it is summed
  kScale,
  kMinusInfinity,
  kOne,
};

using PrefillPointers = std::map<PrefillTensor, void*>;

/// A plan of cuDNN's for one pass at one shape.
class PrefillPlan {
 public:
  /// Throws Unsupported, with cuDNN's reason, where it has no kernel for the shape on the device.
  PrefillPlan(const PrefillShape& shape, PrefillPass pass, const CudnnDevice& device);
  PrefillPlan(const PrefillPlan&) = delete;
  PrefillPlan& operator=(const PrefillPlan&) = delete;

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  /// Runs the pass on the stream. `pointers` name every tensor of the pass but the scalars.
  void Launch(const CudnnDevice& device, const PrefillPointers& pointers, void* workspace,
              cudaStream_t stream) const;

 private:
  std::vector<CudnnDescriptor> parts_;  // of the graph; in order of creation
  CudnnDescriptor plan_;
  std::size_t workspace_bytes_ = 0;
  float scale_;
  float minus_infinity_ = -std::numeric_limits<float>::infinity();
  float one_ = 1.0f;
};

/// Engines that match the pass at the shape on a device that need not be here, best first ("engine 2"); empty
/// and `reason` where there is none. Needs libcuda.so.1, of which the toolkit's stub is enough.
std::vector<std::string> PrefillEngines(const PrefillShape& shape, PrefillPass pass,
                                        const CudnnDevice& device, std::string* reason);

}  // namespace orrery::profiler
