// What ran when: all GPUs above, lanes of some below, and of a span its cause, its kernels and the critical chain.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gui/itemmodels/table_model.h"
#include "gui/pages/background.h"
#include "gui/pages/page.h"
#include "gui/pages/timeline_data.h"
#include "gui/paint/timeline.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QScrollBar;

namespace orrery::gui {

/// The kernels of one block, as they are priced at the rows that reached its rank.
class BlockKernelsModel : public TableModel {
  Q_OBJECT

 public:
  explicit BlockKernelsModel(QObject* parent = nullptr);
  void Show(const TimelineData& data, const SpanRef& span);
};

/// The spans in view, of the lanes that are shown: the first kMost in order of lane and time.
class SpansModel : public TableModel {
  Q_OBJECT

 public:
  static constexpr std::size_t kMost = 500;
  explicit SpansModel(QObject* parent = nullptr);
  void Show(const TimelineData& data, const std::vector<int>& ranks, std::int64_t from, std::int64_t to);
};

class TimelinePage : public Page {
  Q_OBJECT

 public:
  TimelinePage(Session* session, QWidget* parent);
  ~TimelinePage() override;
  QString KeysHelp() const override;
  void Refresh() override;
  void Settle() override;
  void SetTheme(const Theme& theme) override;
  const TimelineData* data() const { return data_.get(); }
  const TimeAxis& axis() const { return axis_; }
  /// Shows a stretch of time, picoseconds.
  void ShowTime(std::int64_t from, std::int64_t to);
  /// Makes a span the selection and brings it into view.
  void GoTo(const SpanRef& span);
  /// What made the selected span start, or what it let start.
  void GoToCause();
  void GoToEffect();
  /// The next span whose words hold the text that is looked for; -1: the one before.
  void FindNext(int direction);

 Q_SIGNALS:
  /// A Perfetto trace of the pipeline ranks in view is wanted.
  void TraceAsked(const std::vector<int>& pipeline_ranks);

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QWidget* MakeControls();
  void Take(const std::shared_ptr<const scenarios::Run>& run, std::shared_ptr<const TimelineData>* into,
            Background* worker);
  /// The whole of the step, or of the longer one of two.
  void FitAxis();
  std::vector<int> RanksShown(const TimelineData& data) const;
  TimelineFigure LanesOf(const TimelineData& data) const;
  OverviewFigure OverviewOf(const TimelineData& data) const;
  void Draw();
  void DrawDetail();
  void PressLanes(const PanelPoint& point);
  /// Down by logical pixels, as far as there are lanes.
  void ScrollBy(double pixels, const TimelineFigure& figure, const TimelineLayout& layout);
  void DragLanes(const PanelPoint& from, const PanelPoint& to);
  void WheelLanes(const PanelPoint& point, double notches);
  void ZoomBy(double factor);
  void MoveInLane(int spans, int lanes);
  std::optional<SpanRef> Selected() const;

  Panel* overview_;
  Panel* lanes_;
  Panel* beside_;
  Panel* kernels_;
  QComboBox* which_ = nullptr;
  QCheckBox* chain_ = nullptr;
  QLineEdit* find_ = nullptr;
  QLabel* found_ = nullptr;
  QLabel* detail_ = nullptr;
  QLabel* below_ = nullptr;  ///< which plan is which, where two are shown
  std::shared_ptr<const TimelineData> data_, against_;
  std::shared_ptr<const scenarios::Run> wanted_, wanted_against_;  ///< whose data are there or being made
  std::shared_ptr<BlockKernelsModel> kernel_table_ = std::make_shared<BlockKernelsModel>();
  std::shared_ptr<SpansModel> span_table_ = std::make_shared<SpansModel>();
  Background *worker_, *against_worker_;
  TimeAxis axis_{0, 1, 1};
  double scroll_ = 0;
  std::optional<std::pair<std::int64_t, std::int64_t>> range_;  ///< selected with Shift and the mouse
  bool stale_ = false;
};

}  // namespace orrery::gui
