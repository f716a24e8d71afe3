// What the desktop program draws: a timeline of five million spans (1024 GPUs of four streams) at 1600 x 900, its picture
// of all GPUs, what is below the pointer, and a heat map's frame. CPU time of one core is to stay below: lanes 8 ms, all
// GPUs 16 ms (twice that at twice the scale), hover 1 ms, sums of all spans 200 ms, a frame of the heat map 5 ms.
#include <QApplication>
#include <QImage>
#include <QPainter>
#include <QString>
#include <cstdint>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "gui/geometry/lanes.h"
#include "gui/geometry/span_sums.h"
#include "gui/paint/heat_map.h"
#include "gui/paint/timeline.h"
#include "tests/gui/geometry/random_lanes.h"

namespace orrery::gui {
namespace {

constexpr int kGpus = 1024, kStreams = 4, kSpans = 1221;  // 5.0 million in all
constexpr std::int64_t kStep = 19'397'000'000'000;        // picoseconds

struct Step {
  SpanLanes lanes;
  std::vector<int> rows;
  std::vector<QString> names;
  Step() {
    std::mt19937_64 random(1);
    lanes = RandomLanes(kGpus * kStreams, kSpans, kStep, &random);
    for (int lane = 0; lane < kGpus * kStreams; ++lane) rows.push_back(lane / kStreams);
    for (const char* name :
         {"attn(F)", "mlp(F)", "dispatch(F)", "combine(F)", "attn(B)", "mlp(B)", "dispatch(B)", "combine(B)",
          "attn(W)", "mlp(W)", "head(F)", "head(B)", "send", "recv", "optimizer", "reduce"})
      names.push_back(QString::fromLatin1(name));
  }
};

const Step& TheStep() {
  static const Step step;
  return step;
}

const SpanSums& TheSums() {
  static const SpanSums sums(TheStep().lanes, TheStep().rows);
  return sums;
}

TimelineFigure Lanes(double lane_height, double zoom) {
  TimelineFigure figure;
  figure.spans = &TheStep().lanes;
  figure.names = &TheStep().names;
  for (int lane = 0; lane < kGpus * kStreams; ++lane)
    figure.lanes.push_back(
        {lane, QStringLiteral("compute"),
         lane % kStreams == 0 ? QStringLiteral("GPU %1").arg(lane / kStreams) : QString()});
  figure.lane_height = lane_height;
  figure.axis = TimeAxis(0, kStep, 1600);
  figure.axis.Zoom(700, zoom);
  figure.colours = StepColours(Theme::Light());
  return figure;
}

/// Arguments: device pixels per logical pixel, a lane's height, zoom.
void PaintLanes(benchmark::State& state) {
  const auto scale = static_cast<int>(state.range(0));
  const TimelineFigure figure =
      Lanes(static_cast<double>(state.range(1)), static_cast<double>(state.range(2)));
  QImage image(1600 * scale, 900 * scale, QImage::Format_RGB32);
  image.setDevicePixelRatio(scale);
  const Theme theme = Theme::Light();
  for (auto _ : state) {
    QPainter painter(&image);
    PaintTimeline(painter, QRectF(0, 0, 1600, 900), theme, figure);
  }
}
BENCHMARK(PaintLanes)
    ->ArgNames({"scale", "lane", "zoom"})
    ->ArgsProduct({{1, 2}, {16, 4}, {1, 10, 100, 1000}})
    ->Unit(benchmark::kMillisecond);

void PaintAllGpus(benchmark::State& state) {
  const auto scale = static_cast<int>(state.range(0));
  OverviewFigure figure;
  figure.spans = &TheStep().lanes;
  figure.sums = &TheSums();
  figure.row_of_lane = &TheStep().rows;
  figure.axis = TimeAxis(0, kStep, 1600);
  figure.axis.Zoom(700, static_cast<double>(state.range(1)));
  figure.colours = StepColours(Theme::Light());
  QImage image(1600 * scale, 900 * scale, QImage::Format_RGB32);
  image.setDevicePixelRatio(scale);
  const Theme theme = Theme::Light();
  for (auto _ : state) {
    QPainter painter(&image);
    PaintOverview(painter, QRectF(0, 0, 1600, 900), theme, figure);
  }
}
BENCHMARK(PaintAllGpus)
    ->ArgNames({"scale", "zoom"})
    ->ArgsProduct({{1, 2}, {1, 4, 8, 100}})
    ->Unit(benchmark::kMillisecond);

void Hover(benchmark::State& state) {
  const TimelineFigure figure = Lanes(16, static_cast<double>(state.range(0)));
  const Theme theme = Theme::Light();
  double x = 0;
  for (auto _ : state) {
    x = x > 1500 ? 100 : x + 1.7;
    benchmark::DoNotOptimize(HitTimeline(QRectF(0, 0, 1600, 900), theme, figure, {x, 20 + x / 2}));
  }
}
BENCHMARK(Hover)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);

void SumSpans(benchmark::State& state) {
  for (auto _ : state) {
    const SpanSums sums(TheStep().lanes, TheStep().rows);
    state.counters["MB"] = static_cast<double>(sums.bytes()) / 1e6;
    benchmark::DoNotOptimize(sums.Until(0, 0));
  }
}
BENCHMARK(SumSpans)->Unit(benchmark::kMillisecond);

/// 58 layers by 64 ranks, or by 256 experts: what every frame of play draws.
void PaintLoads(benchmark::State& state) {
  HeatMapFigure figure;
  figure.rows = 58;
  figure.columns = static_cast<int>(state.range(0));
  std::mt19937 random(2);
  std::lognormal_distribution<float> load(0, 0.1F);
  for (int i = 0; i < figure.rows * figure.columns; ++i) figure.values.push_back(load(random));
  figure.scale = ColourScale::AboutOne(1.32, false);
  figure.title = QStringLiteral("Rows of each EP rank over the mean");
  const Theme theme = Theme::Light();
  QImage image(900, 560, QImage::Format_RGB32);
  for (auto _ : state) {
    QPainter painter(&image);
    PaintHeatMap(painter, QRectF(0, 0, 900, 560), theme, figure);
  }
}
BENCHMARK(PaintLoads)->Arg(64)->Arg(256)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery::gui

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QApplication application(argc, argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
