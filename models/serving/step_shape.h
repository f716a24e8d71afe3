// What a step of a serving unit consists of, and the keys of its programs' steps.
//
// Parts of an MoE layer are named after DeepSeek's own drawings of its two profiles (deepseek-ai/profile-data, assets):
// ATTN-0 is everything from the layer's input to the attention kernel, ATTN-1 the kernel, the output projection and the
// router, SHARED the shared expert, MLP the routed ones.
#pragma once

#include <cstdint>
#include <string_view>

namespace orrery::models {

enum class ServedPart : std::uint8_t {
  kHost,  ///< before the first kernel of a step
  kEmbedding,
  kDenseLayer,      ///< a whole layer without routed experts
  kAttentionInput,  ///< ATTN-0
  kAttentionCore,   ///< ATTN-1
  kShared,
  kExperts,          ///< MLP
  kDispatchSend,     ///< decode: the kernel that posts
  kDispatch,         ///< decode: in flight; prefill: the payload
  kDispatchReceive,  ///< decode: the kernel that takes what arrived
  kCombineSend,
  kCombine,
  kCombineReceive,
  kMtpInput,  ///< embedding and projection of an MTP module
  kHead,
  kSampling
};
constexpr int kServedParts = 16;
/// "ATTN-0", "dispatch send", ...
std::string_view Name(ServedPart part);

/// Layers and schedule of a step; every rank of a unit runs the same.
struct StepShape {
  int dense_layers = 0;
  int moe_layers = 0;
  int mtp_modules = 0;     ///< run behind the main model, a layer each; MoE where the model has such layers
  int micro_batches = 1;   ///< 2: overlapped
  bool exchanges = false;  ///< experts lie on more than one rank

  /// Layers that the keys of steps count: MoE layers, then MTP modules.
  int KeyedLayers() const { return moe_layers + mtp_modules; }
  bool operator==(const StepShape&) const = default;
};

/// ProgramStep::instance of a part in a layer (MoE layers from 0, MTP modules behind them) and micro-batch.
constexpr std::uint32_t StepInstance(int layer, int micro_batch) {
  return static_cast<std::uint32_t>(2 * layer + micro_batch);
}
constexpr int LayerOfInstance(std::uint32_t instance) { return static_cast<int>(instance / 2); }
constexpr int MicroBatchOfInstance(std::uint32_t instance) { return static_cast<int>(instance % 2); }

}  // namespace orrery::models
