// What every step of a training program costs: kernels priced once, loads looked up as the simulation runs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine/stream_program.h"
#include "hw/comm/exchange.h"
#include "hw/cost/cost_model.h"
#include "models/layers/layer.h"
#include "models/parallel/training_program.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/block_price.h"
#include "scenarios/step/conditions.h"
#include "scenarios/step/loads.h"
#include "scenarios/step/memo.h"

namespace orrery::scenarios {

/// Everything that the compute of a step costs by, apart from the tables.
struct UnitPriceKey {
  models::ModelSpec model;
  models::ModelSpec rank_model;  ///< as a rank computes it beside its expert slots
  models::LayerShape shape;
  int lent_sms = 0;
  bool exchanges_alone = false;     ///< a rank holds all experts: nobody is asked where tokens go
  std::int64_t rows_step = 1;       ///< of the grid of rows
  int first_point = 0, points = 0;  ///< of the grid that are priced: all, or where all loads lie between two
  int idle_experts = 0;             ///< most that any rank has without a row; above 0 a second grid is priced
  RankLoad mean;                    ///< rows at which kernels are listed, and how many tokens they are of
  Conditions conditions;            ///< those that change compute, others as they are by default
  bool operator==(const UnitPriceKey&) const = default;
};

/// What the compute of a training step costs, block by block: no loads, no payload of exchanges. Shared by all
/// simulations that would price it alike.
struct UnitPrices {
  std::array<BlockPrice, models::kPriceKeys> blocks;  ///< by price key
  double launch_gap = 0;                              ///< picoseconds
};
UnitPrices PriceUnits(const UnitPriceKey& key, const hw::CostModel& cost);
/// The kernels of a block in launch order, where `rows` reach the rank. Of an exchange: those that run on its
/// stream before its payload.
std::vector<models::PlacedOp> OpsOfBlock(const UnitPriceKey& key, models::UnitKind unit, models::Part part,
                                         std::int64_t rows);

/// Everything the price of a step depends on, apart from the load.
struct PriceInputs {
  const Scenario* scenario = nullptr;
  const hw::CostModel* cost = nullptr;
  const hw::ExchangeModel* exchange = nullptr;
  Memo* memo = nullptr;           ///< of unit prices at `cost`; null: they are made anew
  double exchange_stretch = 1;    ///< of the fabric, for exchanges that leave a leaf
  std::int64_t message_work = 0;  ///< picoseconds of a pipeline send
  std::uint64_t seed = 1;         ///< of the variation of kernel times
  Conditions conditions;
};

/// What every step of a training program costs a rank.
class TrainingPrices {
 public:
  /// `loads` and what `inputs` point to must outlive the prices. `group`: columns of an exchange group.
  TrainingPrices(const PriceInputs& inputs, const StepLoads& loads, int group);

  /// The engine's pricer.
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    const std::uint32_t key = step.price;
    if (is_exchange_[key])
      return even_ ? at_even_load_[key]
                   : Exchange(key, loads_.At(step.instance, column / group_, column % loads_.ranks()));
    StepPrice price = even_ || !by_rows_[key]
                          ? at_even_load_[key]
                          : ByRows(key, loads_.At(step.instance, column / group_, column % loads_.ranks()));
    price.work = Varied(price.work, variation_[key], row, column, step);
    return price;
  }

  /// By price key. Of an exchange: what runs on its stream before the payload.
  const std::array<BlockPrice, models::kPriceKeys>& blocks() const { return *blocks_; }
  /// Of a block at the mean load, or of an exchange.
  std::vector<KernelShare> Kernels(std::uint32_t key) const;
  /// The price of an exchange of `load`; `key` is a PriceKey of an exchange.
  StepPrice Exchange(std::uint32_t key, const RankLoad& load) const;
  double launch_gap() const { return units_->launch_gap; }
  /// What compute is priced by.
  UnitPriceKey UnitKey() const;
  /// The same object where two prices price compute alike.
  const std::shared_ptr<const UnitPrices>& units() const { return units_; }

 private:
  /// `work` as this rank runs it this time: normal about it, a pure function of seed, rank and step.
  std::int64_t Varied(std::int64_t work, float variation, int row, int column,
                      const ProgramStep& step) const {
    if (variation == 0) return work;
    std::uint64_t h = in_.seed * 0x9e3779b97f4a7c15ULL +
                      (static_cast<std::uint64_t>(row) << 40 | static_cast<std::uint64_t>(column));
    h = (h ^ (static_cast<std::uint64_t>(step.price) << 32 | step.instance)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 29)) * 0x94d049bb133111ebULL;
    const float z = normals_[h >> 52];
    return work + static_cast<std::int64_t>(static_cast<double>(work) * static_cast<double>(variation * z));
  }
  bool IsFree(std::uint32_t key) const;
  StepPrice ByRows(std::uint32_t key, const RankLoad& load) const {
    return (*blocks_)[key].At(load.rows, load.idle_experts, rows_step_);
  }

  PriceInputs in_;
  const StepLoads& loads_;
  int group_;
  std::int64_t rows_step_ = 1;
  std::shared_ptr<const UnitPrices> units_;
  const std::array<BlockPrice, models::kPriceKeys>* blocks_ = nullptr;  ///< of `units_`
  std::array<hw::PairBytes, hw::kExchangeKindCount> pair_bytes_{};      ///< [hw::ExchangeKind]
  bool even_ = false;                                                   ///< all loads are alike
  std::array<StepPrice, models::kPriceKeys> at_even_load_{};  ///< or at any, of what no load changes
  std::array<bool, models::kPriceKeys> is_exchange_{}, by_rows_{};
  std::array<float, models::kPriceKeys> variation_{};
  std::array<float, 4096> normals_{};  ///< draws from the standard normal
};

}  // namespace orrery::scenarios
