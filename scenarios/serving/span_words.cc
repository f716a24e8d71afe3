#include "scenarios/serving/span_words.h"

#include <array>

#include <fmt/format.h>

#include "models/serving/step_program.h"

namespace orrery::scenarios {

std::string ServingSpanText(const Span& span, const models::StepShape& shape) {
  const auto part = static_cast<models::ServedPart>(span.price());
  std::string text(Name(part));
  if (part == models::ServedPart::kHost) return text;
  const int layer = models::LayerOfInstance(span.instance());
  const bool in_layer =
      part >= models::ServedPart::kAttentionInput && part <= models::ServedPart::kCombineReceive;
  if (layer >= shape.moe_layers && shape.mtp_modules > 0) {
    text += fmt::format(", MTP module {}", layer - shape.moe_layers);
  } else if (in_layer) {
    text += fmt::format(", layer {}", shape.dense_layers + layer);
  }
  return text + fmt::format(", micro-batch {}", models::MicroBatchOfInstance(span.instance()));
}

std::string_view ServingStreamName(int stream) {
  constexpr std::array<std::string_view, models::kServingStreams> kNames = {"compute", "exchange"};
  return kNames.at(static_cast<std::size_t>(stream));
}

}  // namespace orrery::scenarios
