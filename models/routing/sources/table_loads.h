// What every source of Orrery stands on: a load table for each layer, from which exchanges are sampled.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/routing/load_source.h"
#include "models/routing/sampling/load_table.h"
#include "models/routing/text/text_mix.h"

namespace orrery::models {

/// Samples tables, whatever made them.
class TableLoads : public LoadSource {
 public:
  TableLoads(const LoadShape& shape, TextMix mix, std::uint64_t seed)
      : shape_(shape), mix_(std::move(mix)), seed_(seed), in_order_(SlotMap::Contiguous(shape.experts)) {}
  const LoadShape& shape() const override { return shape_; }
  const TextMix& mix() const { return mix_; }
  std::uint64_t seed() const { return seed_; }
  std::vector<double> DomainShares() const override { return mix_.share; }
  const LoadTable* FindTable(int layer) const override { return &Table(layer); }

  /// The table of a MoE layer.
  virtual const LoadTable& Table(int layer) const = 0;
  /// The layer's table when its experts stand on `map`'s slots of `physical`: the same text, the same
  /// choices.
  virtual LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const = 0;
  /// Sample with experts on `map`'s slots, `table` being TableOn of them.
  virtual void SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map, int layer,
                        int micro_batch, int group, ExchangeLoad* load) const;

 private:
  void Draw(const LoadShape& shape, int layer, int micro_batch, int group, ExchangeLoad* load) const override;

  LoadShape shape_;
  TextMix mix_;
  std::uint64_t seed_;
  SlotMap in_order_;  ///< expert e in slot e
};

/// Uniform experts under group-limited routing: balanced in expectation, multinomial noise only.
class UniformLoads : public TableLoads {
 public:
  UniformLoads(const LoadShape& shape, std::uint64_t seed);
  const LoadTable& Table(int) const override { return table_; }
  LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const override;
  std::string Describe() const override;

 private:
  LoadTable table_;
};

}  // namespace orrery::models
