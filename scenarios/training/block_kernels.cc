#include "scenarios/training/block_kernels.h"

#include <limits>

#include "core/base/units.h"
#include "hw/cost/efficiency.h"

namespace orrery::scenarios {
namespace {

/// Squared distance in the logarithms of the shape, as prices are carried between rows.
double Distance(const hw::Features& a, const hw::Features& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Of the rows of the op's kind that carry `label`; null where there are none.
const hw::KernelRow* NearestRow(const std::vector<hw::KernelRow>& rows, const Op& op, double sm_share,
                                int device_sms, const std::string& label) {
  const hw::Features at = hw::FeaturesOf(op, sm_share);
  const hw::KernelRow* nearest = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const hw::KernelRow& row : rows) {
    if (row.op.kind != op.kind || row.op.label != label) continue;
    const double distance = Distance(at, hw::FeaturesOf(row.op, static_cast<double>(row.sms) / device_sms));
    if (distance >= least) continue;
    least = distance;
    nearest = &row;
  }
  return nearest;
}

}  // namespace

std::vector<BlockKernel> KernelsOfBlock(const hw::CostModel& cost, const UnitPriceKey& key,
                                        models::UnitKind unit, models::Part part, std::int64_t rows) {
  const int sms = cost.device().sms - (key.conditions.lend_sms ? key.lent_sms : 0);
  const std::vector<hw::KernelRow> measured = cost.rows();
  const std::vector<std::string> tables = cost.sources();
  std::vector<BlockKernel> kernels;
  for (const auto& [op, count, block] : OpsOfBlock(key, unit, part, rows)) {
    const hw::Price price = cost.PriceOp(op, sms);
    BlockKernel& kernel = kernels.emplace_back();
    kernel.op = op;
    hw::KernelRow as_row;
    as_row.op = op;
    as_row.sms = sms;
    kernel.text = hw::RowText(as_row);
    kernel.work = WorkOf(op);
    kernel.seconds = Seconds(price.time);
    kernel.contended_s = Seconds(price.beside);
    kernel.provenance = price.provenance;
    kernel.basis = price.basis;
    if (price.table >= 0) kernel.table = tables[static_cast<std::size_t>(price.table)];
    const double share = static_cast<double>(sms) / cost.device().sms;
    const hw::KernelRow* row = NearestRow(measured, op, share, cost.device().sms, op.label);
    if (row == nullptr) row = NearestRow(measured, op, share, cost.device().sms, "");
    if (row != nullptr) kernel.nearest_row = *row;
  }
  return kernels;
}

}  // namespace orrery::scenarios
