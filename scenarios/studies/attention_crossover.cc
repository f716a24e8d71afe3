#include <algorithm>
#include <array>

#include "scenarios/studies/attention_report.h"

namespace orrery::scenarios {
namespace {

using models::SequenceSpan;

/// Absorbed and materialised attention of one layer, priced.
class Duel {
 public:
  Duel(const models::ModelSpec& spec, const models::Layout& layout, const StepPricer& pricer)
      : spec_(spec),
        layout_(layout),
        pricer_(pricer),
        absorbed_(models::MakeDesign("mla", spec.attention)),
        materialised_(models::MakeDesign("mla-materialised", spec.attention)) {}

  StepTime Absorbed(const SequenceSpan& shape) const { return Price(absorbed_, shape); }
  StepTime Materialised(const SequenceSpan& shape) const { return Price(materialised_, shape); }
  bool MaterialisedWins(const SequenceSpan& shape) const {
    return Materialised(shape).total_s() < Absorbed(shape).total_s();
  }
  const models::AttentionSpec& spec() const { return absorbed_.spec; }

 private:
  StepTime Price(const models::AttentionDesign& design, const SequenceSpan& shape) const {
    return pricer_.Price(models::ServedAttentionOps(spec_, design, layout_, models::Pass::kDecode, {shape}));
  }

  const models::ModelSpec& spec_;
  const models::Layout& layout_;
  const StepPricer& pricer_;
  models::AttentionDesign absorbed_, materialised_;
};

std::int64_t& Along(Crossover::Axis axis, SequenceSpan* shape) {
  switch (axis) {
    case Crossover::Axis::kQueryLength:
      return shape->tokens;
    case Crossover::Axis::kContext:
      return shape->cached;
    case Crossover::Axis::kBatch:
      return shape->count;
  }
  return shape->count;
}

/// Doubles along the axis until the winner at 1 loses, then halves the last step down to the least such
/// value.
std::optional<std::int64_t> Search(const Duel& duel, Crossover::Axis axis, SequenceSpan shape,
                                   std::int64_t limit) {
  const auto materialised_wins = [&](std::int64_t value) {
    Along(axis, &shape) = value;
    return duel.MaterialisedWins(shape);
  };
  const bool first = materialised_wins(1);
  std::int64_t same = 1, other = 2;
  while (materialised_wins(other) == first) {
    if (other >= limit) return std::nullopt;
    same = other;
    other = std::min(2 * other, limit);
  }
  while (other - same > 1) {
    const std::int64_t middle = same + (other - same) / 2;
    (materialised_wins(middle) == first ? same : other) = middle;
  }
  return other;
}

Crossover Find(const Duel& duel, Crossover::Axis axis, SequenceSpan shape, std::int64_t limit) {
  Crossover c;
  c.axis = axis;
  Along(axis, &shape) = 0;
  c.batch = shape.count;
  c.context = shape.cached;
  c.query_length = shape.tokens;
  c.searched_to = limit;
  if (axis == Crossover::Axis::kQueryLength)
    c.by_operations = models::MaterialisedQueryLength(duel.spec(), shape.cached);
  SequenceSpan start = shape;
  Along(axis, &start) = 1;
  c.first = duel.MaterialisedWins(start) ? models::MlaDecode::kMaterialised : models::MlaDecode::kAbsorbed;
  c.from = Search(duel, axis, shape, limit);
  Along(axis, &shape) = c.from.value_or(limit);
  const StepTime absorbed = duel.Absorbed(shape), materialised = duel.Materialised(shape);
  c.absorbed_s = absorbed.total_s();
  c.materialised_s = materialised.total_s();
  c.absorbed_limit = absorbed.limit;
  c.materialised_limit = materialised.limit;
  return c;
}

}  // namespace

std::vector<Crossover> MlaCrossovers(const models::ModelSpec& spec, const models::Layout& layout,
                                     const StepPricer& pricer, const std::vector<std::int64_t>& contexts,
                                     const RunControl& control) {
  using Axis = Crossover::Axis;
  const Duel duel(spec, layout, pricer);
  constexpr std::array<std::int64_t, 2> kBatches = {1, 32};
  // Plain decode, one drafted token, a short and a long chunk of prompt against a cached prefix.
  constexpr std::array<std::int64_t, 4> kQueries = {1, 2, 64, 512};
  const double all = static_cast<double>(contexts.size() * kBatches.size() + 2 * kQueries.size());
  std::vector<Crossover> found;
  const auto find = [&](Axis axis, const SequenceSpan& shape, std::int64_t limit) {
    control.Tell(static_cast<double>(found.size()) / all);
    found.push_back(Find(duel, axis, shape, limit));
  };
  for (const std::int64_t context : contexts) {
    for (const std::int64_t batch : kBatches) find(Axis::kQueryLength, {batch, 1, context}, 4096);
  }
  for (const std::int64_t query : kQueries) {
    find(Axis::kContext, {1, query, 1}, 131072);
    find(Axis::kBatch, {1, query, 4096}, 256);
  }
  return found;
}

}  // namespace orrery::scenarios
