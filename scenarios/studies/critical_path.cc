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
  const char* layer = unit == models::UnitKind::kDenseLayer ? "dense layers: "
                      : unit == models::UnitKind::kMtpLayer ? "MTP layer: "
                                                            : "MoE layers: ";
  return layer + std::string(Name(part));
}

}  // namespace

std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline) {
  std::map<std::string, double> seconds;
  SpanRef at = timeline.Last();
  double total = 0;
  std::int64_t until = at.rank < 0 ? 0 : timeline.At(at).end();
  while (at.rank >= 0) {
    const Span& span = timeline.At(at);
    const double length = static_cast<double>(until - span.start()) * 1e-12;
    seconds[PathClass(span.price())] += length;
    total += length;
    until = span.start();
    at = span.cause();
  }
  std::vector<CriticalPathShare> shares;
  for (const auto& [name, s] : seconds) shares.push_back({name, s, total > 0 ? s / total : 0});
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return shares;
}

}  // namespace orrery::scenarios
