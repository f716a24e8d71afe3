#include "models/routing/sources/table_loads.h"

#include "models/routing/sampling/exchange.h"
#include "models/routing/sampling/load_sampler.h"

namespace orrery::models {
namespace {

GateShape GateOf(const LoadShape& s) { return {s.experts, s.top_k, s.groups, s.top_groups}; }

}  // namespace

void TableLoads::Draw(const LoadShape& shape, int layer, int micro_batch, int group,
                      ExchangeLoad* load) const {
  SampleOn(Table(layer), shape, in_order_, layer, micro_batch, group, load);
}

void TableLoads::SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap&, int layer,
                          int micro_batch, int group, ExchangeLoad* load) const {
  std::vector<TextDocument> documents;
  DrawDocumentCounts(mix_, physical, seed_, micro_batch, group, &documents);
  const RandomStream random(seed_, "routing",
                            {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(micro_batch),
                             static_cast<std::uint64_t>(group)});
  LoadSampler(physical).Sample(table, documents, random, load);
}

LoadTable UniformLoads::TableOn(int, const LoadShape& physical, const SlotMap& map) const {
  return UniformTable(physical, GateOf(shape()), map, seed());
}

UniformLoads::UniformLoads(const LoadShape& shape, std::uint64_t seed)
    : TableLoads(shape, {{1.0}, 4096, 1, 1}, seed) {
  CheckShape(shape);
  table_ = UniformTable(shape, GateOf(shape), SlotMap::Contiguous(shape.experts), seed);
}

std::string UniformLoads::Describe() const { return "balanced: every expert alike, multinomial noise only"; }

}  // namespace orrery::models
