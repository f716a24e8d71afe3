// How far off the prices of a cost model may be, drawn at random: ln(true / priced) by what a price rests on.
//
//   rows of this device   how far off its rows are when priced without themselves, by class
//   derived rows          the same, and what taking a launch or another kernel off a row is wrong by
//   the same, none near   the same without any row within a factor of 8
//   another kind's rows   the same without any row of the kind
//   another device's      the lender's errors of these three kinds, and what carrying a row over costs
//   the data sheet        what the roofline is off by; kernels are slower, so this one leans
//
// The last two are measured between devices (hw/cost/error_data.h). Errors that kernels share are drawn once:
// a kind's rows are off together, and carrying over shares a part by class and a part by pair of devices, so
// that nothing averages away over the many kernels of a step.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/op/op_traits.h"
#include "hw/cost/basis.h"
#include "hw/cost/error_data.h"

namespace orrery::hw {

namespace internal {
struct CostData;
}

/// The central 90 % of a normal reaches this many standard deviations either way.
inline constexpr double kNormal90 = 1.6449;

/// The bounds of a central 90 %: of times, or of factors on one.
struct Range90 {
  double low = 1, high = 1;
};

/// Factors of a log-normal error of this mean and standard deviation, widened to hold 1: what is known to
/// lean one way still leaves the price possible.
Range90 LogNormal90(double mean, double sd);
/// The same of drawn logarithms, by their quantiles. Aborts without any.
Range90 Quantiles90(std::vector<double> log_factors);

/// ln(measured / priced) of a device's own rows by class, sorted: priced without the row, without those near
/// it, and without its kind.
struct OwnErrors {
  std::vector<std::vector<double>> rows, far_rows, stand_in;
};

class PriceErrors {
 public:
  /// Of CostModel::Errors.
  explicit PriceErrors(const internal::CostData& data);

  /// One draw of everything.
  PriceFactors Draw(RandomStream* random) const;
  /// The same `count` draws at every call.
  std::vector<PriceFactors> Draws(int count) const;
  /// ln(measured / priced) of this device's own rows.
  const OwnErrors& own() const { return own_.errors; }

 private:
  /// Errors of prices that rest on a device's rows, and how the device is related to the one priced.
  struct Lender {
    OwnErrors errors;
    bool self = false;
    Relation relation = Relation::kSameChip;
  };
  /// What all kinds share, and what one kind's prices do: its error's place in the sorted pool, and a normal.
  struct CommonDraws {
    double shared = 0;
    std::vector<double> bias, scatter, between;  ///< by class
  };
  struct KindDraws {
    double share = 0, normal = 0;
  };
  double Error(OpKind kind, Basis basis, const CommonDraws& common, const KindDraws& own) const;
  const std::vector<double>* Pool(const OwnErrors& errors, int op_class, Basis basis) const;
  const Lender& LenderOf(OpKind kind) const;

  ErrorData data_;
  Lender own_;
  std::vector<Lender> lenders_;
  std::array<int, kOpKindCount> lender_of_{};  ///< index into lenders_; -1: there are none
};

}  // namespace orrery::hw
