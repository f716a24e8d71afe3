// The low-latency exchange as two kernels.
#include "hw/comm/split_exchange.h"

#include <gmock/gmock.h>

#include "core/base/error.h"

namespace orrery::hw {
namespace {

SplitLoad Load(ExchangeKind kind, int nodes, std::int64_t out, std::int64_t up) {
  return {kind, nodes, {out}, {out / 2}, {up}, {up / 2}};
}

TEST(SplitExchange, NeverBeatsTheLinks) {
  const Device h800 = DevicePreset("h800-sxm");
  const SplitExchange split = SplitExchange::Load(h800, "2025-04");
  for (const std::int64_t bytes : {1'000, 1'000'000, 100'000'000}) {
    EXPECT_GE(Seconds(split.Alone(Load(ExchangeKind::kDispatch, 16, bytes, 0))),
              static_cast<double>(bytes) / h800.scale_out.value);
    EXPECT_GE(Seconds(split.Alone(Load(ExchangeKind::kDispatch, 1, 0, bytes))),
              static_cast<double>(bytes) / h800.scale_up.value);
  }
}

TEST(SplitExchange, GrowsWithBytesAndGoesByTheBusierLink) {
  const SplitExchange split = SplitExchange::Load(DevicePreset("h800-sxm"), "2025-04");
  const auto alone = [&](std::int64_t out, std::int64_t up) {
    return split.Alone(Load(ExchangeKind::kCombine, 4, out, up));
  };
  EXPECT_LT(alone(1'000'000, 0), alone(2'000'000, 0));
  EXPECT_EQ(alone(10'000'000, 1'000), alone(10'000'000, 0));
  EXPECT_EQ(alone(0, 0), kTimeZero) << "nothing to exchange";
  EXPECT_LT(split.Alone(Load(ExchangeKind::kCombine, 4, 8'000'000, 0), true), alone(8'000'000, 0));
}

TEST(SplitExchange, PeersCostBeyondEightNodesAndNoMoreBeyondSixteen) {
  const SplitExchange split = SplitExchange::Load(DevicePreset("h800-sxm"), "2025-04");
  EXPECT_EQ(split.PeerFactor(ExchangeKind::kCombine, 8), 1);
  EXPECT_NEAR(split.PeerFactor(ExchangeKind::kDispatch, 16), 1.041, 0.005);
  EXPECT_NEAR(split.PeerFactor(ExchangeKind::kCombine, 16), 1.090, 0.005);
  EXPECT_EQ(split.PeerFactor(ExchangeKind::kCombine, 40), split.PeerFactor(ExchangeKind::kCombine, 16));
}

TEST(SplitExchange, TheFirstReleaseUsesTheNicAlone) {
  const SplitExchange first = SplitExchange::Load(DevicePreset("h800-sxm"), "2025-02");
  EXPECT_EQ(first.Alone(Load(ExchangeKind::kDispatch, 1, 0, 5'000'000)),
            first.Alone(Load(ExchangeKind::kDispatch, 1, 5'000'000, 0)));
}

TEST(SplitExchange, ScalesWithTheLinksOfAnotherDevice) {
  Device fast = DevicePreset("h800-sxm");
  const double rate = SplitExchange::Load(fast, "2025-04").scale_out();
  fast.scale_out.value *= 2;
  EXPECT_DOUBLE_EQ(SplitExchange::Load(fast, "2025-04").scale_out(), 2 * rate);
  EXPECT_THROW(SplitExchange::Load(fast, "2024-12"), InputError);
}

}  // namespace
}  // namespace orrery::hw
