#include "hw/cost/cost_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

const CostModel& H800() {
  static const CostModel model = CostModel::Load(DevicePreset("h800-sxm"), {});
  return model;
}

TEST(CostModel, IsExactAtEveryRow) {
  for (const KernelRow& row : H800().rows()) {
    const Price price = H800().PriceOp(row.op, row.sms);
    EXPECT_NEAR(Seconds(price.time), Seconds(row.time), 1e-5 * Seconds(row.time)) << RowText(row);
    EXPECT_EQ(price.provenance, Provenance::kMeasured) << RowText(row);
    if (row.beside) {
      EXPECT_NEAR(Seconds(price.beside), Seconds(*row.beside), 1e-5 * Seconds(*row.beside)) << RowText(row);
    }
  }
}

/// |ln(predicted / measured)| of a class, sorted; each row priced with that row left out.
std::map<std::string, std::vector<double>> LeaveOneOutErrors(const CostModel& model) {
  std::map<std::string, std::vector<double>> errors;
  for (const CostModel::Residual& r : model.LeaveOneOut()) errors[r.op_class].push_back(std::abs(r.log_ratio));
  for (auto& [op_class, values] : errors) std::sort(values.begin(), values.end());
  return errors;
}

TEST(CostModel, PredictsDecodeAttentionItHasNotSeenWithinTenPercent) {
  const std::vector<double> errors = LeaveOneOutErrors(H800()).at("attention_decode");
  ASSERT_GT(errors.size(), 300U);
  EXPECT_LT(errors[errors.size() / 2], 0.10);
}

}  // namespace
}  // namespace orrery::hw
