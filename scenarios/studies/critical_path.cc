#include "scenarios/studies/critical_path.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "models/parallel/training_program.h"

namespace orrery::scenarios {
namespace {

std::string PathClass(std::uint32_t price) {
  if (price >= models::kReductionPrice) return "reduction of gradients";
  if (price >= models::kSendPrice) return "pipeline messages";
  const auto unit = static_cast<models::UnitKind>(price / models::kParts);
  const auto part = static_cast<models::Part>(price % models::kParts);
  if (models::IsExchange(part)) return "exchanges: " + std::string(Name(part));
  if (unit == models::UnitKind::kHead) return "heads and loss";
  if (unit == models::UnitKind::kEmbedding) return "embedding";
  const char* layer = !models::HasExperts(unit)             ? "dense layers: "
                      : unit == models::UnitKind::kMtpLayer ? "MTP layer: "
                                                            : "MoE layers: ";
  return layer + std::string(Name(part));
}

}  // namespace

std::vector<SpanRef> CriticalChain(const Timeline& timeline) {
  std::vector<SpanRef> chain;
  for (SpanRef at = timeline.Last(); at.rank >= 0; at = timeline.At(at).cause()) chain.push_back(at);
  return chain;
}

std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline) {
  std::map<std::string, double> seconds;
  const std::vector<SpanRef> chain = CriticalChain(timeline);
  double total = 0;
  std::int64_t until = chain.empty() ? 0 : timeline.At(chain.front()).end();
  for (const SpanRef& at : chain) {
    const Span& span = timeline.At(at);
    const double length = static_cast<double>(until - span.start()) * 1e-12;
    seconds[PathClass(span.price())] += length;
    total += length;
    until = span.start();
  }
  std::vector<CriticalPathShare> shares;
  for (const auto& [name, s] : seconds) shares.push_back({name, s, total > 0 ? s / total : 0});
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return shares;
}

}  // namespace orrery::scenarios
