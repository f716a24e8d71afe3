#include "scenarios/training/span_words.h"

#include <array>

#include <fmt/format.h>

namespace orrery::scenarios {

std::string PriceKeyName(std::uint32_t price) {
  if (price == models::kLocalSendPrice) return "hand over";
  if (price == models::kSendPrice) return "send";
  const auto unit = static_cast<models::UnitKind>(price / models::kParts);
  constexpr std::array<const char*, models::kUnitKinds> kUnits = {"embedding",
                                                                  "dense layer",
                                                                  "MoE layer",
                                                                  "MTP layer",
                                                                  "head",
                                                                  "dense layer (2nd mixer)",
                                                                  "MoE layer (2nd mixer)"};
  return fmt::format("{} {}", kUnits[static_cast<std::size_t>(unit)],
                     Name(static_cast<models::Part>(price % models::kParts)));
}

std::string_view StreamName(int stream) {
  constexpr std::array<std::string_view, models::kTrainingStreams> kNames = {
      "compute", "exchange", "send to next rank", "send to previous rank"};
  return kNames.at(static_cast<std::size_t>(stream));
}

SpanWork SpanWorkOf(const Span& span, int micro_batches) {
  SpanWork work;
  const int instance = static_cast<int>(span.instance());
  work.message = span.price() >= models::kSendPrice;
  work.micro_batch = instance;
  if (work.message) return work;
  work.unit = static_cast<models::UnitKind>(span.price() / models::kParts);
  work.part = static_cast<models::Part>(span.price() % models::kParts);
  if (!models::HasExperts(work.unit)) return work;
  work.moe_layer = instance / micro_batches;
  work.micro_batch = instance % micro_batches;
  return work;
}

std::string SpanText(const Span& span, int micro_batches, int dense_layers) {
  const SpanWork work = SpanWorkOf(span, micro_batches);
  std::string text = PriceKeyName(span.price());
  if (work.moe_layer >= 0) text += fmt::format(", layer {}", dense_layers + work.moe_layer);
  return text + fmt::format(", micro-batch {}", work.micro_batch);
}

}  // namespace orrery::scenarios
