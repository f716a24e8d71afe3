#include "scenarios/training/span_words.h"

#include <array>

#include <fmt/format.h>

namespace orrery::scenarios {

std::string PriceKeyName(std::uint32_t price) {
  if (price == models::kLocalSendPrice) return "hand over";
  if (price == models::kSendPrice) return "send";
  constexpr std::array<const char*, models::kUnitKinds> kUnits = {"embedding",
                                                                  "dense layer",
                                                                  "MoE layer",
                                                                  "MTP layer",
                                                                  "head",
                                                                  "dense layer (2nd mixer)",
                                                                  "MoE layer (2nd mixer)"};
  if (price == models::kRestReductionPrice) return "reduce gradients of copies";
  if (price >= models::kReductionPrice) {
    const auto [kind, part] = models::ReducedBlock(price);
    return fmt::format("reduce gradients of {} {}", kUnits[static_cast<std::size_t>(kind)], Name(part));
  }
  const auto unit = static_cast<models::UnitKind>(price / models::kParts);
  return fmt::format("{} {}", kUnits[static_cast<std::size_t>(unit)],
                     Name(static_cast<models::Part>(price % models::kParts)));
}

std::string_view StreamName(int stream) {
  constexpr std::array<std::string_view, models::kReducingStreams> kNames = {
      "compute", "exchange", "send to next rank", "send to previous rank", "reduce gradients"};
  return kNames.at(static_cast<std::size_t>(stream));
}

SpanWork SpanWorkOf(const Span& span, int micro_batches) {
  SpanWork work;
  const int instance = static_cast<int>(span.instance());
  work.message = span.price() >= models::kSendPrice;
  if (span.price() >= models::kReductionPrice) return work;  // of all micro-batches
  work.micro_batch = instance;
  if (work.message) return work;
  work.unit = static_cast<models::UnitKind>(span.price() / models::kParts);
  work.part = static_cast<models::Part>(span.price() % models::kParts);
  if (!models::HasExperts(work.unit)) return work;
  work.moe_layer = instance / micro_batches;
  work.micro_batch = instance % micro_batches;
  return work;
}

std::string SpanText(const Span& span, int micro_batches, const models::ModelSpec& model) {
  const SpanWork work = SpanWorkOf(span, micro_batches);
  std::string text = PriceKeyName(span.price());
  if (work.moe_layer >= 0) {
    int layer = 0, before = work.moe_layer;  // MoE layers before the span's
    while (layer < model.layers && (!model.IsMoeLayer(layer) || before > 0))
      before -= model.IsMoeLayer(layer++) ? 1 : 0;
    text +=
        layer < model.layers ? fmt::format(", layer {}", layer) : fmt::format(", MTP module {}", before + 1);
  }
  if (work.micro_batch >= 0) text += fmt::format(", micro-batch {}", work.micro_batch);
  return text;
}

}  // namespace orrery::scenarios
