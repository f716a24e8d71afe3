#include "hw/cost/kernel_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/base/date.h"
#include "core/base/foreign_file.h"
#include "core/op/op_traits.h"
#include "core/op/op_work.h"

namespace orrery::hw {
namespace {

constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;
/// A gap between two kernels of one stream is microseconds (2 in DeepSeek's training trace); beyond this the
/// GPU waits for something else.
constexpr Time kMaxLaunchGap = std::chrono::milliseconds(1);
constexpr double kMaxMicroseconds = 1e9;  // 1000 s: no kernel is longer

std::vector<std::string> ShapeColumns(ShapeKind kind) {
  switch (kind) {
    case ShapeKind::kGemm:
      return {"m", "n", "k", "groups"};
    case ShapeKind::kAttention:
      return {"batch", "heads", "kv_heads", "q_len", "kv_len", "d_qk", "d_v", "causal"};
    case ShapeKind::kRows:
      return {"rows", "cols", "bytes"};
  }
  return {};
}

const std::vector<std::string>& StatisticColumns() {
  static const std::vector<std::string> columns = {"sms",    "time_us", "beside_us", "count",
                                                   "min_us", "max_us",  "label"};
  return columns;
}

/// The cells of one row by column name: the row's own, then the table's `shape`.
class Cells {
 public:
  Cells(const Value& row, const std::vector<std::string>& columns, const Value* shared)
      : row_(row), shared_(shared) {
    if (row.items().size() != columns.size()) {
      throw row.Error("expected " + std::to_string(columns.size()) + " cells, one a column");
    }
    for (std::size_t i = 0; i < columns.size(); ++i) cells_.emplace_back(columns[i], &row.items()[i]);
  }

  const Value* Find(std::string_view name) const {
    for (const auto& [column, cell] : cells_) {
      if (column == name) return cell;
    }
    return shared_ != nullptr ? shared_->Find(name) : nullptr;
  }
  const Value& At(std::string_view name) const {
    if (const Value* cell = Find(name)) return *cell;
    throw row_.Error("column '" + std::string(name) + "' is missing");
  }
  std::int64_t Int(std::string_view name) const { return At(name).AsInt(1, kMaxDimension); }
  std::int64_t Int(std::string_view name, std::int64_t fallback) const {
    const Value* cell = Find(name);
    return cell != nullptr ? cell->AsInt(1, kMaxDimension) : fallback;
  }
  Time Microseconds(std::string_view name) const {
    const Value& cell = At(name);
    const double us = cell.AsDouble(0, kMaxMicroseconds);
    if (us <= 0) throw cell.Error("expected a time above 0 us");
    return FromMicroseconds(us);
  }

 private:
  const Value& row_;
  const Value* shared_;
  std::vector<std::pair<std::string, const Value*>> cells_;
};

AttentionShape ReadAttention(const Cells& c) {
  AttentionShape s;
  s.batch = c.Int("batch");
  s.heads = c.Int("heads");
  s.kv_heads = c.Int("kv_heads");
  s.q_len = c.Int("q_len");
  s.kv_len = c.Int("kv_len");
  s.d_qk = c.Int("d_qk");
  s.d_v = c.Int("d_v");
  s.causal = c.At("causal").AsBool();
  return s;
}

/// Tables from before kRequantizeTranspose was a kind of its own have its rows as cast_transpose_fp8, where
/// their bytes tell: 2 an element of an FP8 source, 3 of a BF16 one.
OpKind KindOf(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes) {
  if (kind != OpKind::kCastTransposeFp8) return kind;
  const double each = static_cast<double>(bytes) / static_cast<double>(rows) / static_cast<double>(cols);
  const double fp8 = Traits(OpKind::kRequantizeTranspose).bytes_per_element;
  const double bf16 = Traits(OpKind::kCastTransposeFp8).bytes_per_element;
  return each < (fp8 + bf16) / 2 ? OpKind::kRequantizeTranspose : kind;
}

Op ReadRowsOp(OpKind kind, const Cells& c) {
  const RowsShape shape{c.Int("rows"), c.Int("cols")};
  const std::int64_t bytes = c.Int("bytes");
  kind = KindOf(kind, shape.rows, shape.cols, bytes);
  return {.kind = kind, .shape = WithBytes(kind, shape, {bytes}), .label = {}};
}

Op ReadOp(OpKind kind, const Cells& c) {
  Op op;
  op.kind = kind;
  switch (Traits(kind).shape) {
    case ShapeKind::kGemm:
      op.shape = GemmShape{c.Int("m"), c.Int("n"), c.Int("k"), c.Int("groups", 1)};
      break;
    case ShapeKind::kAttention:
      op.shape = ReadAttention(c);
      break;
    case ShapeKind::kRows:
      op = ReadRowsOp(kind, c);
      break;
  }
  if (const Value* label = c.Find("label")) op.label = label->AsString();
  return op;
}

/// What the rows of one entry of `tables` share.
struct Section {
  OpKind kind{};
  std::vector<std::string> columns;
  const Value* shape = nullptr;
  std::optional<int> sms;
  std::string kernel, source, derived;
};

/// The statistics are for readers; what contradicts itself was written by mistake. The median may lie outside
/// where `time_us` was derived (docs/calibration.md).
void CheckRange(const Cells& cells) {
  const Value *low = cells.Find("min_us"), *high = cells.Find("max_us");
  const Time least = low != nullptr ? cells.Microseconds("min_us") : Time{};
  const Time greatest = high != nullptr ? cells.Microseconds("max_us") : Time::max();
  if (least > greatest) throw low->Error("expected no more than max_us, " + high->AsString());
}

KernelRow ReadRow(const Value& value, const Section& section) {
  const Cells cells(value, section.columns, section.shape);
  KernelRow row;
  row.op = ReadOp(section.kind, cells);
  row.sms = section.sms ? *section.sms : static_cast<int>(cells.At("sms").AsInt(1, 100000));
  row.time = cells.Microseconds("time_us");
  if (cells.Find("beside_us") != nullptr) row.beside = cells.Microseconds("beside_us");
  row.count = cells.Int("count", 1);
  CheckRange(cells);
  row.kernel = section.kernel;
  row.source = section.source;
  row.derived = section.derived;
  row.place = value.place();
  return row;
}

OpKind ReadKind(const Value& value) {
  OpKind kind{};
  if (ParseOpKind(value.AsString(), &kind)) return kind;
  std::vector<std::string> known;
  for (const OpTraits& traits : AllOpTraits()) known.emplace_back(traits.name);
  throw value.Error("unknown op kind" + DidYouMean(value.AsString(), known));
}

std::vector<std::string> ReadColumns(const Value& value, OpKind kind) {
  std::vector<std::string> known = ShapeColumns(Traits(kind).shape);
  known.insert(known.end(), StatisticColumns().begin(), StatisticColumns().end());
  std::vector<std::string> columns;
  for (const Value& item : value.items()) {
    const std::string& name = item.AsString();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw item.Error("unknown column for " + std::string(Name(kind)) + DidYouMean(name, known));
    }
    if (std::find(columns.begin(), columns.end(), name) != columns.end())
      throw item.Error("column given twice");
    columns.push_back(name);
  }
  return columns;
}

Section ReadSection(const Value& value, const std::string& source) {
  value.AllowKeys({"op", "kernel", "source", "derived", "sms", "shape", "columns", "rows"});
  Section section;
  section.kind = ReadKind(value.At("op"));
  section.columns = ReadColumns(value.At("columns"), section.kind);
  section.kernel = value.At("kernel").AsString();
  const Value* own = value.Find("source");
  section.source = own != nullptr ? own->AsString() : source;
  if (const Value* derived = value.Find("derived")) section.derived = derived->AsString();
  if (const Value* sms = value.Find("sms")) section.sms = static_cast<int>(sms->AsInt(1, 100000));
  section.shape = value.Find("shape");
  if (section.shape != nullptr) section.shape->AllowKeys(ShapeColumns(Traits(section.kind).shape));
  return section;
}

std::string ReadDate(const Value& value) {
  if (value.AsString() == kNotRecorded) return "";
  if (IsDate(value.AsString())) return value.AsString();
  throw value.Error(std::string("expected a day as 2026-01-31, or '") + kNotRecorded + "'");
}

Time ReadLaunchGap(const Value& value) {
  if (value.AsTime() <= kMaxLaunchGap) return value.AsTime();
  throw value.Error("expected at most 1 ms between two kernels of one stream");
}

/// Prices could follow either of two rows of one case, so there must be one.
void RequireOneRowPerCase(const std::vector<KernelRow>& rows) {
  std::map<std::string, std::vector<const KernelRow*>> by_text;
  for (const KernelRow& row : rows) {
    auto& earlier = by_text[RowText(row)];
    for (const KernelRow* other : earlier) {
      if (!SameCase(*other, row)) continue;
      throw InputError(row.place, RowText(row) + ": a second row of this case, the first at line " +
                                      std::to_string(other->place.line) +
                                      "; expected one for each kind, shape, label and number of SMs");
    }
    earlier.push_back(&row);
  }
}

const std::vector<Value>& SomeItems(const Value& list, const std::string& what) {
  if (list.items().empty()) throw list.Error("expected at least one " + what);
  return list.items();
}

struct ShapeText {
  std::string operator()(const GemmShape& s) const {
    return " m=" + std::to_string(s.m) + " n=" + std::to_string(s.n) + " k=" + std::to_string(s.k) +
           (s.groups > 1 ? " groups=" + std::to_string(s.groups) : "");
  }
  std::string operator()(const AttentionShape& s) const {
    return " batch=" + std::to_string(s.batch) + " heads=" + std::to_string(s.heads) + "/" +
           std::to_string(s.kv_heads) + " q=" + std::to_string(s.q_len) + " kv=" + std::to_string(s.kv_len) +
           " d=" + std::to_string(s.d_qk) + "/" + std::to_string(s.d_v);
  }
  std::string operator()(const RowsShape& s) const {
    return " " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
  }
};

}  // namespace

bool KernelTable::Lends(OpKind kind) const {
  return !lent || std::find(lent->begin(), lent->end(), PricedWith(kind)) != lent->end();
}

bool SameCase(const KernelRow& a, const KernelRow& b) {
  return a.op.kind == b.op.kind && a.sms == b.sms && a.op.shape == b.op.shape && a.op.label == b.op.label;
}

KernelTable ParseKernelTable(const Value& root) {
  root.AllowKeys({"schema_version", "device", "date", "source", "driver", "libraries", "clocks",
                  "measured_on", "launch_gap", "tables"});
  root.At("schema_version").AsInt(1, 1);
  KernelTable table;
  table.device = root.At("device").AsString();
  table.device_place = root.At("device").place();
  table.date = ReadDate(root.At("date"));
  table.source = root.At("source").AsString();
  table.driver = root.At("driver").AsString();
  table.libraries = root.At("libraries").AsString();
  table.clocks = root.At("clocks").AsString();
  if (const Value* on = root.Find("measured_on")) table.measured_on = ReadMeasuredOn(*on);
  if (const Value* gap = root.Find("launch_gap")) table.launch_gap = ReadLaunchGap(*gap);
  for (const Value& entry : SomeItems(root.At("tables"), "table")) {
    const Section section = ReadSection(entry, table.source);
    for (const Value& row : SomeItems(entry.At("rows"), "row")) table.rows.push_back(ReadRow(row, section));
  }
  RequireOneRowPerCase(table.rows);
  return table;
}

KernelTable ReadKernelTable(const std::filesystem::path& file) {
  RefuseForeignFile(file);
  return ParseKernelTable(Document::Load(file).root());
}

std::string RowText(const KernelRow& row) {
  return std::string(Name(row.op.kind)) + std::visit(ShapeText{}, row.op.shape) + " @" +
         std::to_string(row.sms);
}

}  // namespace orrery::hw
