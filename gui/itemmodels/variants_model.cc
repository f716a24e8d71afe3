#include "gui/itemmodels/variants_model.h"

#include <QStringList>
#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/session/text.h"

namespace orrery::gui {
namespace {

using scenarios::TrainingResult;

std::vector<TableColumn> Columns() {
  const auto number = [](const char* title, const char* unit, const char* help = "") {
    return TableColumn{title, unit, true, help};
  };
  std::vector<TableColumn> columns(VariantsModel::kColumns);
  columns[VariantsModel::kName] = {"variant", {}, false, {}};
  columns[VariantsModel::kMark] = {
      "sure", {}, false, "○ folded  ◐ one exchange group  ● every GPU  ◉ analysed"};
  columns[VariantsModel::kStep] = number("step", "s");
  columns[VariantsModel::kStepChange] =
      number("step, change", "%", "to the first row, between answers of one kind");
  columns[VariantsModel::kTokens] = number("tokens", "B a day");
  columns[VariantsModel::kTokensChange] = number("tokens, change", "%");
  columns[VariantsModel::kDollars] = number("a trillion tokens", "k$");
  columns[VariantsModel::kDollarsChange] = number("dollars, change", "%");
  columns[VariantsModel::kDays] = number("the run", "days");
  columns[VariantsModel::kMemory] = number("peak memory", "GB", "of the fullest pipeline rank");
  columns[VariantsModel::kHottest] = number("fullest rank", "%", "rows over the mean, mean over exchanges");
  columns[VariantsModel::kPrice] = number("price", "$ a GPU hour", "edited here; needs no simulation");
  columns[VariantsModel::kRunTokens] = number("run", "T tokens", "edited here; needs no simulation");
  columns[VariantsModel::kChanged] = {"keys that differ", {}, false, "from the first row"};
  return columns;
}

std::int64_t PeakMemory(const TrainingResult& r) {
  std::int64_t most = 0;
  for (const scenarios::PipelineRankReport& rank : r.ranks) most = std::max(most, rank.memory.Total().count);
  return most;
}

TableCell ChangeCell(double ratio, Sureness kind) {
  return {ChangeText(ratio, kind), kind == Sureness::kFolded ? QVariant() : QVariant(100 * (ratio - 1)),
          false};
}

/// With the interval, and a word where it leaves in doubt which is faster.
TableCell StepChangeCell(double ratio, Sureness kind, const Difference* difference) {
  TableCell cell = ChangeCell(ratio, kind);
  if (difference == nullptr || kind < Sureness::kEveryGpu) return cell;
  const scenarios::PairedDifference& d = difference->step;
  cell.text += QString(" (%1 to %2)")
                   .arg(SignedCell(100 * (d.low - 1), 1).text, SignedCell(100 * (d.high - 1), 1).text);
  if (d.ToldApart()) return cell;
  cell.text += ", not told apart";
  cell.warns = true;
  return cell;
}

QString ChangedKeys(const Plan& base, const Plan& other) {
  QStringList keys;
  for (const KeyChange& change : ChangesBetween(base, other)) {
    keys << QString("%1=%2").arg(QString::fromStdString(change.key), change.to.empty()
                                                                         ? QString("(default)")
                                                                         : QString::fromStdString(change.to));
  }
  return keys.join(", ");
}

}  // namespace

QString ChangeText(double ratio, Sureness kind) {
  const double percent = 100 * (ratio - 1);
  if (kind != Sureness::kFolded) return SignedCell(percent, 1).text + " %";
  return std::abs(percent) < 0.5 ? QString("about the same") : "about " + SignedCell(percent, 0).text + " %";
}

VariantsModel::VariantsModel(Session* session, QObject* parent)
    : TableModel(Columns(), parent), session_(session) {
  connect(session_, &Session::VariantsChanged, this, &VariantsModel::Fill);
  connect(session_, &Session::AnswerChanged, this, &VariantsModel::Fill);
  connect(session_, &Session::DifferenceChanged, this, &VariantsModel::Fill);
  Fill();
}

int VariantsModel::IdOf(int row) const { return session_->variants()[static_cast<std::size_t>(row)]->id; }

int VariantsModel::RowOfId(int id) const {
  const auto& all = session_->variants();
  const auto it = std::find_if(all.begin(), all.end(), [id](const VariantPtr& v) { return v->id == id; });
  return it == all.end() ? -1 : static_cast<int>(it - all.begin());
}

void VariantsModel::Fill() {
  std::vector<TableRow> rows;
  for (const VariantPtr& variant : session_->variants())
    rows.push_back(RowOf(variant, session_->variants().front()));
  SetRows(std::move(rows));
}

TableRow VariantsModel::RowOf(const VariantPtr& variant, const VariantPtr& baseline) const {
  TableRow row;
  row.cells.resize(kColumns);
  row.cells[kName] = TextCell(QString::fromStdString(variant->name));
  row.cells[kChanged] = TextCell(ChangedKeys(*baseline->plan, *variant->plan));
  const scenarios::Scenario* scenario = variant->plan->training();
  if (scenario == nullptr) return row;
  const double price =
      variant->prices.dollars_per_gpu_hour.value_or(scenario->cluster.device.dollars_per_hour);
  row.cells[kPrice] = NumberCell(price, 2);
  if (const AnswerPtr best = session_->Best(variant->id); best && best->result) {
    const TrainingResult& r = *best->result;
    const scenarios::RunReport run = session_->RunOf(variant->id, *best);
    const QString mark = Text(Mark(best->kind));
    row.cells[kMark] = TextCell(mark);
    row.help = Text(Words(best->kind));
    const std::int64_t peak = PeakMemory(r);
    row.cells[kMemory] = NumberCell(static_cast<double>(peak) * 1e-9, 1, !r.fits);
    row.cells[kRunTokens] = NumberCell(run.tokens * 1e-12, 2);
    if (best->kind != Sureness::kFolded) {  // a folded answer shows where it goes, and no figures
      row.cells[kStep] = NumberCell(r.step_s, 3);
      row.cells[kTokens] = NumberCell(r.tokens_per_day * 1e-9, 1);
      row.cells[kDollars] = NumberCell(run.dollars_per_trillion * 1e-3, 0);
      row.cells[kDays] = NumberCell(run.days, 1);
      row.cells[kHottest] = SignedCell(100 * r.imbalance.hottest_excess, 1);
    }
  }
  AddChanges(variant, baseline, &row);
  return row;
}

void VariantsModel::AddChanges(const VariantPtr& variant, const VariantPtr& baseline, TableRow* row) const {
  if (variant == baseline) return;
  const std::optional<AnswerPair> pair = session_->CommonAnswers(baseline->id, variant->id);
  if (!pair || !pair->base->result || !pair->other->result) return;
  const TrainingResult &base = *pair->base->result, &other = *pair->other->result;
  const auto difference = session_->DifferenceOf(baseline->id, variant->id);
  row->cells[kStepChange] = StepChangeCell(other.step_s / base.step_s, pair->kind(), difference.get());
  row->cells[kTokensChange] = ChangeCell(other.tokens_per_day / base.tokens_per_day, pair->kind());
  const double dollars = session_->RunOf(baseline->id, *pair->base).dollars_per_trillion;
  if (dollars <= 0) return;
  row->cells[kDollarsChange] =
      ChangeCell(session_->RunOf(variant->id, *pair->other).dollars_per_trillion / dollars, pair->kind());
}

Qt::ItemFlags VariantsModel::flags(const QModelIndex& index) const {
  const Qt::ItemFlags flags = TableModel::flags(index);
  const bool edited = index.column() == kName || index.column() == kPrice || index.column() == kRunTokens;
  return index.isValid() && edited ? flags | Qt::ItemIsEditable : flags;
}

QVariant VariantsModel::data(const QModelIndex& index, int role) const {
  return TableModel::data(index, role == Qt::EditRole ? int{kRawRole} : role);
}

bool VariantsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!index.isValid() || role != Qt::EditRole) return false;
  const VariantPtr variant = session_->Find(IdOf(index.row()));
  if (!variant) return false;
  if (index.column() == kName) {
    if (value.toString().trimmed().isEmpty()) return false;
    session_->Rename(variant->id, value.toString().trimmed());
    return true;
  }
  PriceOverrides prices = variant->prices;
  bool is_number = false;
  const double number = value.toDouble(&is_number);
  const bool cleared = value.toString().trimmed().isEmpty();  // back to the scenario's
  if (!cleared && (!is_number || !std::isfinite(number) || number <= 0)) return false;
  const std::optional<double> given = cleared ? std::nullopt : std::optional(number);
  if (index.column() == kPrice) {
    prices.dollars_per_gpu_hour = given;
  } else if (index.column() == kRunTokens) {
    prices.run_tokens = given ? std::optional(*given * 1e12) : std::nullopt;
  } else {
    return false;
  }
  session_->SetPrices(variant->id, prices);
  return true;
}

}  // namespace orrery::gui
