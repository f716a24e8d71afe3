#include "models/spec/model_spec.h"

#include <gtest/gtest.h>

#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

TEST(ModelSpec, DeepSeekV3HasThePublishedParameters) {
  const ParameterCount p = CountParameters(ModelPreset("deepseek-v3"));
  EXPECT_NEAR(static_cast<double>(p.total), 671e9, 0.005 * 671e9);
  EXPECT_NEAR(static_cast<double>(p.activated), 37e9, 0.015 * 37e9);
  EXPECT_NEAR(static_cast<double>(p.mtp), 11.5e9, 0.02 * 11.5e9);
}

TEST(ModelSpec, UnknownPresetNamesTheNearest) {
  try {
    ModelPreset("deepseek-v33");
    FAIL() << "accepted";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean 'deepseek-v3'"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace orrery::models
