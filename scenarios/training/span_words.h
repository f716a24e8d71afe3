// What the spans of a training timeline are, in words and as data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/engine/timeline.h"
#include "models/parallel/training_program.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// What the steps of a price key (ProgramStep::price) are called: "MoE layer dispatch", "send".
std::string PriceKeyName(std::uint32_t price);

/// Of a training program, by number: "compute", "exchange", "send to next rank", ...
std::string_view StreamName(int stream);

/// What a span does, taken from its key.
struct SpanWork {
  bool message =
      false;  ///< between pipeline neighbours, or gradients reduced; then unit and part mean nothing
  models::UnitKind unit{};
  models::Part part{};
  int moe_layer =
      -1;  ///< index among the MoE layers; -1: the span's layer has no routed experts, or is not known
  int micro_batch = -1;  ///< -1: of all of them
};
/// `micro_batches` of a step.
SpanWork SpanWorkOf(const Span& span, int micro_batches);

/// "MoE layer attn(B), layer 31, micro-batch 44": layers are counted as the model does.
std::string SpanText(const Span& span, int micro_batches, const models::ModelSpec& model);

}  // namespace orrery::scenarios
