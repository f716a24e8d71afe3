// What an op costs on a device.
//
//   const Device device = DevicePreset("h800-sxm");
//   const CostModel cost = CostModel::Load(device, {});           // every table of hw/data/h800-sxm/kernels/
//   const Price price = cost.PriceOp(op, 112);                    // on 112 SMs
//
// Price = analytic wave model (hw/cost/roofline.h) x measured efficiency (hw/cost/efficiency.h). Exact at every row of
// the tables, never faster than the data sheet. docs/calibration.md tells the tables and how they were derived.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/op/op.h"
#include "hw/cost/basis.h"
#include "hw/cost/kernel_table.h"
#include "hw/device.h"
#include "hw/provenance.h"

namespace orrery::hw {

namespace internal {
struct CostData;
}

struct Price {
  Time time{};    ///< alone, on the SMs given
  Time beside{};  ///< the same while a communication payload kernel runs beside it; at least `time`
  Provenance provenance = Provenance::kAnalytic;
  Basis basis = Basis::kDataSheet;  ///< what it rests on
  int table = -1;  ///< index into CostModel::sources(): where its nearest row is from; -1: from none
};

/// Which tables price.
struct CalibrationChoice {
  std::string name =
      "auto";           ///< "auto": every table of the device; else a file, or a table of the device by stem
  bool forced = false;  ///< take a table of another device (everything is then tagged scaled)
  /// Further files or tables. Of two rows of one case one from a table that is named counts over one that is
  /// only among "auto", then the later. Between cases the nearest rows of all tables price together.
  std::vector<std::string> further = {};

  /// At least one name; "auto", which is there at most once, comes first wherever it stands, since tables
  /// that are named count over it.
  static CalibrationChoice Of(std::vector<std::string> names);
};

class PriceErrors;

/// How kernels are brought to the device: one by one on a stream, or replayed from a CUDA graph, as decode
/// steps are.
enum class Launching { kStream, kGraph };

class CostModel {
 public:
  /// "auto" on a device without tables takes those of the most similar device, scaled by roofline (sources() says so).
  /// InputError: no such table, a bad one, or one of another device without `forced`.
  static CostModel Load(const Device& device, const CalibrationChoice& choice);
  /// "auto" as if the device had no tables: what carrying over costs is measured so.
  static CostModel LoadLent(const Device& device);
  /// From tables in memory. A table of another device than `device` scales.
  CostModel(const Device& device, const std::vector<KernelTable>& tables);

  /// Thread-safe. InputError if the op needs FP8 and the device has none. `sms` from 1 to the device's.
  Price PriceOp(const Op& op, int sms) const;
  /// Between two dependent kernels of one stream.
  Time launch_gap(Launching how = Launching::kStream) const;
  /// Measured by a table of this device or by the trace of it that the gap is else taken from, or carried
  /// over.
  Provenance launch_gap_provenance() const;
  const Device& device() const;

  /// The device that lends the rows of a kind; "" where this one has rows of its own, or nobody has.
  std::string LenderOf(OpKind kind) const;

  /// What the prices come from, one line a table, for reports.
  std::vector<std::string> sources() const;
  /// Rows in use, those of this device first; rows superseded by a later table are not among them.
  std::vector<KernelRow> rows() const;

  /// Classes of ops whose prices are wrong together.
  static const std::vector<std::string>& ResidualClasses();
  static int ResidualClass(OpKind kind);
  struct Residual {
    std::string op_class;
    std::string row;
    double log_ratio = 0;  ///< ln(predicted / measured), the row left out
  };
  /// Every row of this device priced without itself. Rows that are alone in their kind are left out.
  std::vector<Residual> LeaveOneOut() const;

  /// How far off the prices may be. Takes a moment.
  PriceErrors Errors() const;
  /// The same model with every price times its factor, but none below the roofline; for uncertainty
  /// intervals.
  CostModel Perturbed(const PriceFactors& factors) const;

 private:
  explicit CostModel(std::shared_ptr<const internal::CostData> data);

  std::shared_ptr<const internal::CostData> data_;
  std::shared_ptr<const PriceFactors> factors_;  // null: 1 each
};

}  // namespace orrery::hw
