// What every step of a training program costs: kernels priced once, loads looked up as the simulation runs.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/engine/stream_program.h"
#include "hw/comm/exchange.h"
#include "hw/cost/cost_model.h"
#include "models/layers/layer.h"
#include "models/parallel/training_program.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/training/loads.h"

namespace orrery::scenarios {

/// A resource made free, to see what it is worth.
enum class Free : std::uint8_t {
  kNothing,
  kExchanges,
  kImbalance,
  kVariation,
  kMessages,
  kCasts,
  kLaunchGaps,
  kCommunicationSms,
  kRecompute,
  kEnds,
};

/// One kernel of a part, as a report lists it.
struct KernelShare {
  std::string op_class;  ///< OpTraits::report_class, "launch gaps", ...
  hw::Provenance provenance{};
  double picoseconds = 0;  ///< at the mean load
  int table = -1;          ///< index into CostModel::sources(); -1: no kernel table
};

/// The price of one part of one kind of unit: constant, or by rows of the experts on this rank.
struct PartPrice {
  StepPrice constant;
  /// Picoseconds at multiples of the grid's step; empty: constant. Where a rank may have experts without rows, a
  /// second grid follows for as many of them as any rank has.
  std::vector<double> work_by_rows;
  std::vector<float> beside_by_rows;
  std::vector<KernelShare> kernels;
  float variation = 0;  ///< relative standard deviation between runs of the same part
};

/// Everything the price of a step depends on, apart from the load.
struct PriceInputs {
  const Scenario* scenario = nullptr;
  const hw::CostModel* cost = nullptr;
  const hw::ExchangeModel* exchange = nullptr;
  double exchange_stretch = 1;    ///< of the fabric, for exchanges that leave a leaf
  std::int64_t message_work = 0;  ///< picoseconds of a pipeline send
  double exchange_factor = 1;     ///< perturbation for the uncertainty interval
  std::uint64_t seed = 1;         ///< of the variation of kernel times
  bool vary = true;               ///< kernels vary from run to run; off for folded simulations
  Free free = Free::kNothing;
};

class TrainingPrices {
 public:
  TrainingPrices(const PriceInputs& inputs, const StepLoads& loads, int group);

  /// The engine's pricer.
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    const PartPrice& part = parts_[step.price];
    if (!is_exchange_[step.price]) {
      StepPrice price =
          part.work_by_rows.empty()
              ? part.constant
              : ByRows(part, loads_.At(step.instance, column / group_, column % loads_.ranks()));
      price.work = Varied(price.work, part.variation, row, column, step);
      return price;
    }
    return Exchange(step.price, loads_.At(step.instance, column / group_, column % loads_.ranks()));
  }

  const std::array<PartPrice, models::kPriceKeys>& parts() const { return parts_; }
  /// The price of an exchange of `load`; `key` is a PriceKey of an exchange.
  StepPrice Exchange(std::uint32_t key, const RankLoad& load) const;
  double launch_gap() const { return launch_gap_; }

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
  StepPrice ByRows(const PartPrice& part, const RankLoad& load) const;
  void PriceCompute(models::UnitKind kind, models::Part part);
  void PriceExchange(models::UnitKind kind, models::Part part);
  std::vector<models::PlacedOp> OpsOf(models::UnitKind kind, models::Part part,
                                      models::RoutedRows rows) const;
  StepPrice PriceOps(const std::vector<models::PlacedOp>& ops, std::vector<KernelShare>* kernels,
                     float* variation) const;
  models::RoutedRows RowsAt(std::int64_t rows, int idle) const;

  PriceInputs in_;
  const StepLoads& loads_;
  int group_;
  models::ModelSpec model_;  ///< as a rank computes it
  double launch_gap_ = 0;
  models::LayerShape shape_;
  std::int64_t rows_step_ = 1;
  std::array<hw::PairBytes, hw::kExchangeKindCount> pair_bytes_{};  ///< [hw::ExchangeKind]
  std::array<PartPrice, models::kPriceKeys> parts_;
  std::array<bool, models::kPriceKeys> is_exchange_{};
  std::array<float, 4096> normals_{};  ///< draws from the standard normal
};

}  // namespace orrery::scenarios
