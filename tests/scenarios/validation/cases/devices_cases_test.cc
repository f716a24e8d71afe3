#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

std::vector<ValidationCase> DevicesCases();

namespace {

const std::vector<ValidationCase>& Cases() {
  static const std::vector<ValidationCase> cases = DevicesCases();
  return cases;
}

TEST(DevicesCases, HaveDistinctNamesAndSources) {
  std::set<std::string> ids;
  for (const ValidationCase& c : Cases()) {
    EXPECT_TRUE(ids.insert(c.id).second) << c.id;
    EXPECT_FALSE(c.source.empty()) << c.id;
    EXPECT_TRUE(std::isfinite(c.simulated)) << c.id;
  }
}

TEST(DevicesCases, WhatIsOffHasADeclaredReason) {
  for (const ValidationCase& c : Cases()) EXPECT_TRUE(c.Passes() || !c.residual.empty()) << c.id;
}

TEST(DevicesCases, EveryKindOfEveryDeviceIsWithinItsBar) {
  int kinds = 0;
  for (const ValidationCase& c : Cases()) {
    if (!c.id.starts_with("HO-")) continue;
    ++kinds;
    EXPECT_TRUE(c.Passes()) << c.id << " " << c.simulated;
  }
  EXPECT_GE(kinds, 70) << "ten devices of six kinds and more";
}

TEST(DevicesCases, ADevicesOwnRowsPriceItBetterThanAnotherDevices) {
  std::map<std::string, double> own;
  for (const ValidationCase& c : Cases()) {
    if (c.id.starts_with("HO-h20-")) own[c.id.substr(3)] = c.simulated;
  }
  for (const ValidationCase& c : Cases()) {
    if (!c.id.starts_with("LODO-h20-")) continue;
    const auto from = c.what.find("median error ") + 13;
    EXPECT_GT(std::stod(c.what.substr(from)), own.at(c.id.substr(5))) << c.id;
  }
}

}  // namespace
}  // namespace orrery::scenarios
