// Expert loads and token traces from CSV.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <compare>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "models/routing/sources/recorded_loads.h"

namespace orrery::models {
namespace {

/// A domain is a kind of text (law, mathematics), not a request: as many as a scenario may have
/// (affinity.domains).
constexpr std::size_t kMostDomains = 256;
/// Pairs of layer and domain, and loads of them all: 256 MiB of numbers.
constexpr std::size_t kMostCells = std::size_t{1} << 20;
constexpr std::size_t kMostLoads = std::size_t{1} << 25;
constexpr int kMostExpert = 4095;
constexpr std::size_t kBytesPerTell = std::size_t{1} << 20;  // some 10 ms

/// Names of a column, the first that is there counts. SGLang's recorder writes layer_id,expert_id,count.
const std::vector<std::string> kLayerNames = {"layer",        "layer_id",  "layer_idx",    "layer_index",
                                              "layer_number", "moe_layer", "moe_layer_id", "moe_layer_idx"};
const std::vector<std::string> kExpertNames = {"expert",       "expert_id",      "expert_idx",
                                               "expert_index", "logical_expert", "logical_expert_id"};
const std::vector<std::string> kCountNames = {
    "count",       "counts",        "load",     "loads",      "expert_load",      "expert_count",
    "token_count", "tokens",        "n_tokens", "num_tokens", "activation_count", "activations",
    "selections",  "logical_count", "hits",     "routed",     "num_routed",       "frequency"};
const std::vector<std::string> kTokenNames = {"token", "token_idx", "token_index", "token_pos"};
/// Parts of one recording, which are summed: passes of the model, texts, and ranks that counted their own tokens.
/// SGLang's recorder calls them forward_pass_id and rank. A rank of a pipeline is none of them: it may number its
/// own layers from 0.
const std::vector<std::string> kPartNames = {"step",          "step_id",
                                             "step_idx",      "_step",
                                             "global_step",   "train_step",
                                             "iteration",     "iter",
                                             "global_iter",   "forward_pass",
                                             "pass",          "forward_pass_id",
                                             "pass_id",       "epoch",
                                             "batch",         "batch_id",
                                             "batch_idx",     "global_batch",
                                             "microbatch",    "micro_batch",
                                             "microbatch_id", "micro_batch_id",
                                             "request_id",    "sequence_id",
                                             "sample_id",     "prompt_id",
                                             "rank",          "global_rank",
                                             "local_rank",    "rank_id",
                                             "dp_rank",       "ep_rank",
                                             "tp_rank",       "gpu",
                                             "gpu_id",        "device",
                                             "device_id",     "node",
                                             "node_id",       "node_rank",
                                             "host",          "worker",
                                             "worker_id",     "time",
                                             "timestamp",     "ts"};
/// Columns whose numbers are names of kinds of text.
const std::vector<std::string> kDomainNames = {"domain", "domain_id", "task",    "task_id",
                                               "topic",  "topic_id",  "dataset", "language",
                                               "kind",   "category",  "subset",  "source"};
/// What stands before the numbers of expert columns.
const std::vector<std::string> kExpertPrefixes = {"e", "e_", "expert", "expert_", "expert_id_", ""};

struct Row {
  int line = 0;
  std::vector<std::string_view> fields;
};

std::string_view Trim(std::string_view s) {
  const auto first = s.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return "";
  return s.substr(first, s.find_last_not_of(" \t\r\"") - first + 1);
}

/// Without the byte-order mark that spreadsheets write before UTF-8.
std::string_view WithoutMark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.substr(0, kMark.size()) == kMark ? text.substr(kMark.size()) : text;
}

/// Rows one after another, so that memory does not grow with the file.
class RowReader {
 public:
  explicit RowReader(std::string_view text) : rest_(text) {}

  /// Bytes not read yet.
  std::size_t left() const { return rest_.size(); }

  bool Next(Row* row) {
    while (!rest_.empty()) {
      const std::string_view one = rest_.substr(0, rest_.find('\n'));
      rest_.remove_prefix(std::min(rest_.size(), one.size() + 1));
      ++line_;
      if (Trim(one).empty() || Trim(one)[0] == '#') continue;
      row->line = line_;
      row->fields.clear();
      for (std::size_t from = 0; from <= one.size();) {
        const std::size_t to = std::min(one.find(',', from), one.size());
        row->fields.push_back(Trim(one.substr(from, to - from)));
        from = to + 1;
      }
      return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
  int line_ = 0;
};

/// "e12" -> 12 for prefix "e".
int Numbered(const std::string& name, std::string_view prefix) {
  if (name.size() <= prefix.size() || name.compare(0, prefix.size(), prefix) != 0) return -1;
  int n = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), n);
  return error == std::errc() && end == name.data() + name.size() ? n : -1;
}

/// "Layer ID" as "layer_id".
std::string ColumnName(std::string_view written) {
  std::string name = FoldName(written);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// Whether it is written as a number, also of percent.
bool IsNumeric(std::string_view text) {
  if (text.ends_with('%')) text = Trim(text.substr(0, text.size() - 1));
  double x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  return error != std::errc::invalid_argument && end == text.data() + text.size() && !text.empty();
}

class CsvLoads {
 public:
  CsvLoads(std::string_view text, std::string name, const RunControl& control)
      : name_(std::move(name)), text_(WithoutMark(text)), rows_(text_), control_(control) {
    RequireLineFeeds(text_, name_);
    Row header;
    RowReader ahead(text_);
    if (!ahead.Next(&header) || !ahead.Next(&row_))
      throw InputError(Place{name_}, "expected a header line and at least one row");
    rows_.Next(&header);
    header_line_ = header.line;
    for (const std::string_view field : header.fields) {
      header_.emplace_back(field);
      names_.push_back(ColumnName(field));
    }
    layer_ = Column(kLayerNames), share_ = Column({"share"});
    for (std::size_t c = 0; c < names_.size(); ++c)
      if (std::count(kPartNames.begin(), kPartNames.end(), names_[c]) > 0) parts_.push_back(c);
    RequireCommas(name_, header);
  }

  ExpertLoads Read() {
    const int expert = Column(kExpertNames), count = Column(kCountNames);
    if (expert >= 0 && count >= 0)
      ReadLong(expert, count);  // without a layer: of one
    else if (layer_ < 0)
      throw InputError(Place{name_, header_line_}, "no column 'layer' (or layer_id); " + Expected());
    else if (Column(kTokenNames) >= 0)
      ReadTrace(Column(kTokenNames));
    else
      ReadWide();
    return Finish();
  }

 private:
  static void RequireCommas(const std::string& name, const Row& header) {
    const std::string_view field = header.fields.front();
    for (const auto& [mark, what] : {std::pair{';', "semicolons"}, {'\t', "tabs"}, {'|', "bars"}}) {
      if (header.fields.size() == 1 && field.find(mark) != std::string_view::npos)
        throw InputError(Place{name, header.line}, fmt::format("columns apart by {}, expected commas", what));
    }
  }

  static std::string Expected() {
    return "expected layer,e0,e1,.. or layer,expert,count or expert,load or layer,token,top1..topK";
  }

  InputError At(const Row& row, int column, const std::string& why) const {
    return InputError(Place{name_, row.line, column}, why);
  }

  /// The column of the first name that is there, or -1.
  int Column(const std::vector<std::string>& of) const {
    for (const std::string& name : of) {
      const auto it = std::find(names_.begin(), names_.end(), name);
      if (it != names_.end()) return static_cast<int>(it - names_.begin());
    }
    return -1;
  }

  bool NextRow() {
    if (rows_.left() <= tell_at_) TellHowFar();
    if (!rows_.Next(&row_)) return false;
    if (row_.fields.size() == header_.size()) return true;
    throw At(row_, 0, fmt::format("{} fields, expected the header's {}", row_.fields.size(), header_.size()));
  }

  void TellHowFar() {
    control_.Tell(1 - static_cast<double>(rows_.left()) / static_cast<double>(text_.size()));
    tell_at_ = rows_.left() - std::min(rows_.left(), kBytesPerTell);
  }

  double Number(const Row& row, int column) const {
    const std::string_view field = row.fields[static_cast<std::size_t>(column)];
    double x = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), x);
    if (error != std::errc() || end != field.data() + field.size() || !IsLoad(x)) {
      throw At(row, column + 1,
               fmt::format("{}: '{}' is not a number from 0 to 1e15",
                           header_[static_cast<std::size_t>(column)], field));
    }
    return x;
  }

  int Whole(const Row& row, int column, int most) const {
    const double x = Number(row, column);
    if (x != std::floor(x) || x > most) {
      throw At(row, column + 1,
               fmt::format("{}: '{}', expected a whole number of at most {}",
                           header_[static_cast<std::size_t>(column)],
                           row.fields[static_cast<std::size_t>(column)], most));
    }
    return static_cast<int>(x);
  }

  /// Columns prefix0.. or prefix1.., in order.
  std::vector<int> NumberedColumns(std::string_view prefix) const {
    std::map<int, int> found;
    for (std::size_t c = 0; c < names_.size(); ++c) {
      const int n = Numbered(names_[c], prefix);
      if (n >= 0 && !found.emplace(n, static_cast<int>(c)).second) {
        throw InputError(Place{name_}, fmt::format("column '{}' is there twice", header_[c]));
      }
    }
    std::vector<int> columns;
    for (const auto& [n, c] : found) columns.push_back(c);
    if (!found.empty() &&
        found.rbegin()->first - found.begin()->first + 1 != static_cast<int>(found.size())) {
      throw InputError(Place{name_}, fmt::format("columns {}{}..{}{} have gaps", prefix, found.begin()->first,
                                                 prefix, found.rbegin()->first));
    }
    return columns;
  }

  /// Whether the column's text is part of the domain's name. One without a name is a spreadsheet's line
  /// number.
  bool NamesDomain(std::size_t column, const std::set<int>& used) const {
    const int c = static_cast<int>(column);
    return c != layer_ && c != share_ && used.count(c) == 0 && !names_[column].empty() &&
           std::count(parts_.begin(), parts_.end(), column) == 0;
  }

  /// What was counted, told apart from the same in another part of the recording.
  std::uint64_t InItsPart(std::uint64_t counted) const {
    for (const std::size_t c : parts_) counted = Fnv(row_.fields[c], counted * 0x100000001b3ULL);
    return counted;
  }

  /// Text of the columns that are neither numbers of this form nor known names.
  std::string Domain(const Row& row, const std::set<int>& used) const {
    std::string domain;
    for (std::size_t c = 0; c < header_.size(); ++c) {
      if (NamesDomain(c, used)) domain += (domain.empty() ? "" : "/") + std::string(row.fields[c]);
    }
    return domain.empty() ? "all" : domain;
  }

  using Key = std::pair<int, int>;  ///< (layer, domain)

  /// The row's layer and domain; a new domain is added.
  Key KeyOf(const Row& row, const std::set<int>& used) {
    const std::string domain = Domain(row, used);
    const auto it = std::find(domains_.begin(), domains_.end(), domain);
    const int d = static_cast<int>(it - domains_.begin());
    if (it == domains_.end()) AddDomain(row, domain, used);
    if (share_ >= 0) SetShare(row, static_cast<std::size_t>(d));
    return {layer_ < 0 ? 0 : Whole(row, layer_, 1 << 20), d};
  }

  /// InputError, naming the column that has most values, where there are more than can be domains.
  void AddDomain(const Row& row, const std::string& domain, const std::set<int>& used) {
    domains_.push_back(domain);
    values_.resize(header_.size());
    for (std::size_t c = 0; c < header_.size(); ++c)
      if (NamesDomain(c, used)) values_[c].emplace(row.fields[c]);
    if (domains_.size() <= kMostDomains) return;
    const auto most = std::max_element(values_.begin(), values_.end(),
                                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
    const auto column = most - values_.begin();
    RefuseNumbers();
    throw At(row, static_cast<int>(column) + 1,
             fmt::format("column '{}': {} values so far; text columns name domains, of which at most {} are "
                         "taken: leave the column out, or sum over it",
                         header_[static_cast<std::size_t>(column)], most->size(), kMostDomains));
  }

  /// InputError at a column of numbers that would name domains: a counter that is not known, or another measure of
  /// the same loads.
  void RefuseNumbers() const {
    for (std::size_t c = 0; c < values_.size(); ++c) {
      if (values_[c].empty() || std::count(kDomainNames.begin(), kDomainNames.end(), names_[c]) > 0) continue;
      if (!std::all_of(values_[c].begin(), values_[c].end(), IsNumeric)) continue;
      throw InputError(
          Place{name_, header_line_, static_cast<int>(c) + 1},
          fmt::format(
              "column '{}' holds numbers, and an unknown column is expected to name kinds of text: leave "
              "it out, or sum over it (parts that are summed are called {}, ...; kinds of text that are "
              "numbered, {}, ...)",
              header_[c], fmt::join(kPartNames.begin(), kPartNames.begin() + 5, ", "),
              fmt::join(kDomainNames.begin(), kDomainNames.begin() + 3, ", ")));
    }
  }

  /// InputError where a layer is left out among those of the file: all that follow would be taken for the layer
  /// before.
  void RefuseGap(const std::set<int>& layers) const {
    int expected = layers.empty() ? 0 : *layers.begin();
    for (const int layer : layers) {
      if (layer != expected)
        throw InputError(
            Place{name_, header_line_, layer_ + 1},
            fmt::format("no rows of layer {}, but of {} and {}: expected every layer from the first "
                        "to the last",
                        layer - expected == 1 ? std::to_string(expected)
                                              : fmt::format("{} to {}", expected, layer - 1),
                        expected - 1, layer));
      ++expected;
    }
  }

  /// A domain's share of the mix, which each of its rows repeats.
  void SetShare(const Row& row, std::size_t domain) {
    const double share = Number(row, share_);
    if (domain == shares_.size()) shares_.push_back(share);
    if (share > 1 || share != shares_[domain]) {
      throw At(row, share_ + 1,
               share > 1 ? fmt::format("share: '{:g}', expected 0 to 1", share)
                         : fmt::format("share: '{:g}', an earlier row of {} has {:g}", share,
                                       domains_[domain], shares_[domain]));
    }
  }

  /// Even where the file does not tell.
  std::vector<double> Shares() const {
    if (share_ < 0) return std::vector<double>(domains_.size(), 1.0 / static_cast<double>(domains_.size()));
    const double sum = std::accumulate(shares_.begin(), shares_.end(), 0.0);
    if (std::abs(sum - 1) > 1e-3)
      throw InputError(Place{name_, header_line_, share_ + 1},
                       fmt::format("shares of {} domains add up to {:g}, expected 1", shares_.size(), sum));
    std::vector<double> out = shares_;
    for (double& x : out) x /= sum;
    return out;
  }

  InputError Twice(const Row& row, const Key& key, int column, std::string_view id, int line) const {
    return At(row, column + 1,
              fmt::format("{} {} of layer {} and domain {} is there already, in line {}",
                          header_[static_cast<std::size_t>(column)], id, key.first,
                          domains_[static_cast<std::size_t>(key.second)], line));
  }

  /// The loads of a layer and domain; InputError where a file holds more than any model has.
  std::vector<double>& CellOf(const Row& row, const Key& key) {
    std::vector<double>& cell = cells_[key];
    if (cells_.size() > kMostCells)
      throw At(row, layer_ + 1, fmt::format("more than {} pairs of layer and domain", kMostCells));
    return cell;
  }

  void Resize(const Row& row, std::size_t experts, std::vector<double>* cell) {
    if (cell->size() >= experts) return;
    loads_ += experts - cell->size();
    if (loads_ > kMostLoads) throw At(row, 0, fmt::format("more than {} loads", kMostLoads));
    cell->resize(experts);
  }

  std::vector<int> ExpertColumns() const {
    for (const std::string& prefix : kExpertPrefixes)
      if (std::vector<int> columns = NumberedColumns(prefix); columns.size() >= 2) return columns;
    throw InputError(Place{name_, header_line_}, "no expert columns e0.. or e1..; " + Expected());
  }

  void ReadWide() {
    const std::vector<int> experts = ExpertColumns();
    const int tokens = Column({"tokens", "num_tokens", "n_tokens"});
    std::set<int> used(experts.begin(), experts.end());
    used.insert(tokens);
    std::vector<Counted> counted;
    std::vector<double> loads(experts.size());
    while (NextRow()) {
      const Key key = KeyOf(row_, used);
      std::vector<double>& cell = CellOf(row_, key);
      if (!cell.empty() && parts_.empty()) throw At(row_, layer_ + 1, "this layer and domain is there twice");
      if (!parts_.empty()) counted.push_back({key, InItsPart(0), row_.line});
      Resize(row_, experts.size(), &cell);
      for (std::size_t e = 0; e < experts.size(); ++e) cell[e] += loads[e] = Number(row_, experts[e]);
      if (tokens >= 0) CheckSum(row_, Number(row_, tokens), std::accumulate(loads.begin(), loads.end(), 0.0));
    }
    experts_ = static_cast<int>(experts.size());
    RefuseCountedTwice(parts_.empty() ? 0 : static_cast<int>(parts_.front()), &counted);
  }

  /// Each row must hold the same whole number of selections a token.
  void CheckSum(const Row& row, double tokens, double sum) {
    const double k = tokens > 0 ? sum / tokens : 0;
    if (k_ == 0) k_ = k;
    if (k != std::floor(k) || k < 1 || k != k_) {
      throw At(
          row, 0,
          fmt::format("counts add up to {:g}, which is {:g} a token of {:g}; expected {} a token", sum, k,
                      tokens, k_ == k ? "a whole number" : fmt::format("{:g}, as in the first row,", k_)));
    }
  }

  void ReadLong(int expert, int count) {
    open_ended_ = true;
    std::map<Key, std::vector<int>> lines;  // [experts] that counted it, 0: none
    std::vector<Counted> in_parts;
    while (NextRow()) {
      const Key key = KeyOf(row_, {expert, count});
      std::vector<double>& cell = CellOf(row_, key);
      const auto e = static_cast<std::size_t>(Whole(row_, expert, kMostExpert));
      Resize(row_, e + 1, &cell);
      if (parts_.empty()) {
        std::vector<int>& counted = lines[key];
        if (counted.size() <= e) counted.resize(e + 1);
        if (counted[e] != 0) throw Twice(row_, key, expert, std::to_string(e), counted[e]);
        counted[e] = row_.line;
      } else {
        in_parts.push_back({key, InItsPart(e), row_.line});
      }
      cell[e] += Number(row_, count);
      NameExpert(e);
    }
    RefuseCountedTwice(expert, &in_parts);
  }

  /// Of the row being read.
  void NameExpert(std::size_t e) {
    if (static_cast<int>(e) < experts_) return;
    experts_ = static_cast<int>(e) + 1;
    highest_ = fmt::format("line {} names expert {}, counted from 0", row_.line, e);
  }

  /// What a row counted (an expert, or a token by its number or a hash of its name), and where.
  struct Counted {
    Key key;
    std::uint64_t what = 0;
    int line = 0;
    auto operator<=>(const Counted&) const = default;
  };

  void ReadTrace(int token) {
    const std::vector<int> top = NumberedColumns("top");
    if (top.empty())
      throw InputError(Place{name_}, "a token trace needs columns top1..topK of expert numbers");
    k_ = static_cast<double>(top.size()), open_ended_ = true;
    std::set<int> used(top.begin(), top.end());
    used.insert(token);
    std::vector<Counted> counted;
    std::vector<int> chosen(kMostExpert + 1);  // line of the last row that chose the expert
    while (NextRow()) {
      const Key key = KeyOf(row_, used);
      counted.push_back({key, InItsPart(Fnv(row_.fields[static_cast<std::size_t>(token)])), row_.line});
      std::vector<double>& cell = CellOf(row_, key);
      for (int c : top) {
        const auto e = static_cast<std::size_t>(Whole(row_, c, kMostExpert));
        if (std::exchange(chosen[e], row_.line) == row_.line)
          throw At(row_, c + 1, fmt::format("expert {} is chosen twice by one token", e));
        Resize(row_, e + 1, &cell);
        ++cell[e];
        NameExpert(e);
      }
    }
    RefuseCountedTwice(token, &counted);
  }

  static std::uint64_t Fnv(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash;
  }

  /// InputError at the first row that counts what an earlier row of its layer, domain and part has.
  void RefuseCountedTwice(int column, std::vector<Counted>* counted) {
    std::sort(counted->begin(), counted->end());
    const Counted* second = nullptr;
    int first_line = 0;
    for (std::size_t i = 1; i < counted->size(); ++i) {
      const Counted &a = (*counted)[i - 1], &b = (*counted)[i];
      if (a.key != b.key || a.what != b.what || (second != nullptr && second->line < b.line)) continue;
      second = &b, first_line = a.line;
    }
    if (second == nullptr) return;
    RowReader again(text_);
    while (again.Next(&row_) && row_.line != second->line) {
    }
    throw Twice(row_, second->key, column, row_.fields[static_cast<std::size_t>(column)], first_line);
  }

  /// Layers in order; those without any load are left out and counted.
  ExpertLoads Finish() {
    ExpertLoads out{name_, domains_, Shares(), experts_, static_cast<int>(k_), {}, false, open_ended_, {}};
    std::set<int> layers;
    for (const auto& [key, cell] : cells_) layers.insert(key.first);
    RefuseNumbers();
    RefuseGap(layers);
    if (layers.size() * domains_.size() * static_cast<std::size_t>(experts_) > kMostLoads)
      throw InputError(Place{name_}, fmt::format("{} layers of {} domains and {} experts: more than {} loads",
                                                 layers.size(), domains_.size(), experts_, kMostLoads));
    int place = 0;
    for (int layer : layers) {
      std::vector<std::vector<double>> by_domain;
      std::vector<int> idle;
      for (int d = 0; d < static_cast<int>(domains_.size()); ++d) {
        by_domain.push_back(std::move(cells_[{layer, d}]));
        by_domain.back().resize(static_cast<std::size_t>(experts_));
        const std::vector<double>& cell = by_domain.back();
        if (std::accumulate(cell.begin(), cell.end(), 0.0) <= 0) idle.push_back(d);
      }
      const bool empty = idle.size() == domains_.size();
      if (!idle.empty() && (!empty || (place + 1 == static_cast<int>(layers.size()) && out.load.empty())))
        throw InputError(Place{name_}, fmt::format("layer {}, domain {}: no load", layer,
                                                   domains_[static_cast<std::size_t>(idle.front())]));
      if (empty)
        out.without_load.push_back(place);
      else
        out.load.push_back(std::move(by_domain));
      ++place;
    }
    out.highest = highest_;
    return out;
  }

  std::string name_;
  std::string_view text_;
  RowReader rows_;
  const RunControl& control_;
  std::size_t tell_at_ = text_.size();       ///< when so many bytes are left, the control hears of it
  Row row_;                                  ///< the one being read
  std::vector<std::string> header_, names_;  ///< as written, and as compared
  std::vector<std::size_t> parts_;           ///< columns of kPartNames
  std::vector<std::string> domains_;
  std::vector<std::set<std::string>> values_;  ///< [columns] texts of the domains
  std::vector<double> shares_;                 ///< [domains] where there is a column of them
  std::map<Key, std::vector<double>> cells_;
  std::size_t loads_ = 0;  ///< in all cells
  int layer_ = -1, share_ = -1, header_line_ = 0, experts_ = 0;
  double k_ = 0;
  bool open_ended_ = false;
  std::string highest_;  ///< where the expert of the highest number is named
};

}  // namespace

ExpertLoads ParseLoadsCsv(std::string_view text, const std::string& name, const RunControl& control) {
  return CsvLoads(text, name, control).Read();
}

}  // namespace orrery::models
