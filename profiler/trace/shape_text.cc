#include "profiler/trace/shape_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <span>

#include "core/op/op_traits.h"
#include "profiler/suite/cost.h"

namespace orrery::profiler {
namespace {

constexpr std::string_view kPrefix = "orrery:";
constexpr std::string_view kSizes = ", sizes = ";
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;
constexpr std::size_t kMaxOperands = 64;

std::optional<std::int64_t> ToDimension(std::string_view text, std::int64_t low) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > kMaxDimension)
    return std::nullopt;
  return value;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool IsGemm(OpKind kind) { return Traits(kind).shape == ShapeKind::kGemm; }
bool IsAttention(OpKind kind) { return Traits(kind).shape == ShapeKind::kAttention; }

struct Key {
  std::string_view name;
  bool required = true;
};
constexpr Key kGemmKeys[] = {{"m"}, {"n"}, {"k"}, {"groups", false}};
constexpr Key kAttentionKeys[] = {{"batch"},  {"heads"}, {"kv_heads"}, {"q_len"},
                                  {"kv_len"}, {"d_qk"},  {"d_v"},      {"causal", false}};
constexpr Key kRowsKeys[] = {{"rows"}, {"cols"}, {"bytes", false}};

std::span<const Key> KeysOf(OpKind kind) {
  if (IsGemm(kind)) return kGemmKeys;
  if (IsAttention(kind)) return kAttentionKeys;
  return kRowsKeys;
}

/// Reads the key=value words of an orrery: range.
class Fields {
 public:
  explicit Fields(std::span<const Key> keys) : keys_(keys) {}

  bool Read(const std::vector<std::string_view>& words, std::string* why) {
    for (const std::string_view word : words) {
      if (!ReadWord(word, why)) return false;
    }
    for (const Key& key : keys_) {
      if (!key.required || values_.contains(key.name)) continue;
      *why = "no '" + std::string(key.name) + "'";
      return false;
    }
    return true;
  }
  std::int64_t Of(std::string_view name, std::int64_t otherwise = 0) const {
    const auto it = values_.find(name);
    return it == values_.end() ? otherwise : it->second;
  }
  const std::string& label() const { return label_; }

 private:
  bool ReadWord(std::string_view word, std::string* why) {
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view text = equals == std::string_view::npos ? "" : word.substr(equals + 1);
    if (name == "label" && label_.empty() && !text.empty()) {
      label_ = text;
      return true;
    }
    const auto is_name = [&](const Key& key) { return key.name == name; };
    if (std::none_of(keys_.begin(), keys_.end(), is_name)) {
      *why = "unknown word '" + std::string(word) + "'";
      return false;
    }
    const auto value = ToDimension(text, name == "causal" ? 0 : 1);
    if (!value || !values_.try_emplace(name, *value).second) {
      *why = "'" + std::string(word) + "' is no positive whole number or comes twice";
      return false;
    }
    return true;
  }

  std::span<const Key> keys_;
  std::map<std::string_view, std::int64_t> values_;
  std::string label_;
};

OpShape ShapeFrom(OpKind kind, const Fields& f) {
  if (IsGemm(kind)) return GemmShape{f.Of("m"), f.Of("n"), f.Of("k"), f.Of("groups", 1)};
  if (IsAttention(kind)) {
    return AttentionShape{f.Of("batch"),  f.Of("heads"), f.Of("kv_heads"), f.Of("q_len"),
                          f.Of("kv_len"), f.Of("d_qk"),  f.Of("d_v"),      f.Of("causal", 1) != 0};
  }
  return RowsShape{f.Of("rows"), f.Of("cols")};
}

using Dims = std::vector<std::int64_t>;

/// Absent beyond kMaxDimension: no tensor is that large.
std::optional<std::int64_t> Product(std::span<const std::int64_t> dims) {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims) {
    if (dim > 0 && product > kMaxDimension / dim) return std::nullopt;
    product *= dim;
  }
  return product;
}

std::optional<OpShape> GemmOf(const Dims& a, std::int64_t b_k, std::int64_t n) {
  if (a.size() < 2 || b_k != a.back()) return std::nullopt;
  const auto m = Product(std::span(a).first(a.size() - 1));
  return m ? std::optional<OpShape>(GemmShape{*m, n, a.back(), 1}) : std::nullopt;
}

std::optional<OpShape> RowShape(const Dims& a, std::int64_t share) {
  if (a.size() < 2 || a.back() % share != 0) return std::nullopt;
  const auto rows = Product(std::span(a).first(a.size() - 1));
  return rows ? std::optional<OpShape>(RowsShape{*rows, a.back() / share}) : std::nullopt;
}

/// How an operator's operands make a shape.
using Rule = std::optional<OpShape> (*)(const Dims& a, const Dims& b);

/// a [..., m, k], b [k, n]
std::optional<OpShape> Matmul(const Dims& a, const Dims& b) {
  return b.size() == 2 ? GemmOf(a, b[0], b[1]) : std::nullopt;
}
/// a [..., m, k], b [n, k]
std::optional<OpShape> MatmulTransposed(const Dims& a, const Dims& b) {
  return b.size() == 2 ? GemmOf(a, b[1], b[0]) : std::nullopt;
}
/// a [groups, m, k], b [groups, k, n]
std::optional<OpShape> Batched(const Dims& a, const Dims& b) {
  if (a.size() != 3 || b.size() != 3 || a[0] != b[0] || a[2] != b[1]) return std::nullopt;
  return GemmShape{a[1], b[2], a[2], a[0]};
}
/// a [..., cols]
std::optional<OpShape> Rows(const Dims& a, const Dims&) { return RowShape(a, 1); }
/// a [..., 2 cols]: gate and up side by side
std::optional<OpShape> Pairs(const Dims& a, const Dims&) { return RowShape(a, 2); }
/// a [entries, cols], b [...]: a row for each element of b
std::optional<OpShape> Lookup(const Dims& a, const Dims& b) {
  const auto rows = Product(b);
  if (a.size() != 2 || b.empty() || !rows) return std::nullopt;
  return RowsShape{*rows, a[1]};
}

struct OperatorRow {
  std::string_view name;
  Rule rule;
  std::size_t a, b;  ///< positions among the operands
  OpKind kind = OpKind::kGemmBf16;
  std::size_t scales = 0;  ///< position of a's scales; 0 if it has none
};
// Signatures: PyTorch's native_functions.yaml; vLLM's csrc/torch_bindings.cpp; SGLang's sgl-kernel
// common_extension.cc.
constexpr OperatorRow kOperators[] = {
    {"aten::mm", Matmul, 0, 1},
    {"aten::addmm", Matmul, 1, 2},
    {"aten::_scaled_mm", Matmul, 0, 1, OpKind::kGemmFp8, 2},
    {"aten::linear", MatmulTransposed, 0, 1},
    {"aten::bmm", Batched, 0, 1},
    {"aten::baddbmm", Batched, 1, 2},
    {"_C::cutlass_scaled_mm", Matmul, 1, 2, OpKind::kGemmFp8, 3},
    {"aten::native_layer_norm", Rows, 0, 0, OpKind::kLayerNorm},
    {"aten::_fused_rms_norm", Rows, 0, 0, OpKind::kRmsNorm},
    {"_C::rms_norm", Rows, 1, 1, OpKind::kRmsNorm},
    {"_C::silu_and_mul", Pairs, 1, 1, OpKind::kSwiGlu},
    {"sgl_kernel::rmsnorm", Rows, 1, 1, OpKind::kRmsNorm},
    {"sgl_kernel::silu_and_mul", Pairs, 1, 1, OpKind::kSwiGlu},
    {"aten::embedding", Lookup, 0, 1, OpKind::kEmbedding},
};

const OperatorRow* FindOperator(std::string_view name) {
  const auto it = std::find_if(std::begin(kOperators), std::end(kOperators),
                               [&](const OperatorRow& row) { return row.name == name; });
  return it == std::end(kOperators) ? nullptr : it;
}

/// Whether a [m, k] has a scale per row and 128 of k.
bool BlockScaled(const OperatorRow& row, const OperatorCall& call) {
  if (row.scales == 0) return true;
  const auto elements = [](const Dims& dims) {
    return std::accumulate(dims.begin(), dims.end(), 1.0, std::multiplies<double>());
  };
  return row.scales < call.sizes.size() && !call.sizes[row.scales].empty() &&
         elements(call.sizes[row.scales]) >= std::floor(elements(call.sizes[row.a]) / 128);
}

/// Walks "[[1, 2], [], [[3], [4]]]".
class SizesParser {
 public:
  explicit SizesParser(std::string_view text) : rest_(text) {}

  std::optional<Sizes> Parse() {
    Sizes sizes;
    if (!Take('[')) return std::nullopt;
    if (Take(']')) return AtEnd(sizes);
    do {
      auto operand = Operand();
      if (!operand || sizes.size() == kMaxOperands) return std::nullopt;
      sizes.push_back(std::move(*operand));
    } while (Take(','));
    return Take(']') ? AtEnd(sizes) : std::nullopt;
  }

 private:
  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<Sizes> AtEnd(const Sizes& sizes) {
    SkipSpace();
    return rest_.empty() ? std::optional(sizes) : std::nullopt;
  }
  std::optional<Dims> Operand() {
    Dims dims;
    if (!Take('[')) return std::nullopt;
    if (Take(']')) return dims;
    SkipSpace();
    if (!rest_.empty() && rest_.front() == '[') return ListOperand();
    do {
      const auto dim = Number();
      if (!dim) return std::nullopt;
      dims.push_back(*dim);
    } while (Take(','));
    return Take(']') ? std::optional(dims) : std::nullopt;
  }
  /// A list of tensors, which no operator of the table takes: stepped over.
  std::optional<Dims> ListOperand() {
    int depth = 1;
    while (!rest_.empty() && depth > 0) {
      depth += rest_.front() == '[' ? 1 : rest_.front() == ']' ? -1 : 0;
      rest_.remove_prefix(1);
    }
    return depth == 0 ? std::optional(Dims{}) : std::nullopt;
  }
  std::optional<std::int64_t> Number() {
    SkipSpace();
    const std::size_t end = std::min(rest_.find_first_of(",] "), rest_.size());
    const auto number = ToDimension(rest_.substr(0, end), 0);
    rest_.remove_prefix(end);
    return number;
  }

  std::string_view rest_;
};

}  // namespace

bool IsOrreryRange(std::string_view text) { return text.substr(0, kPrefix.size()) == kPrefix; }

std::optional<ShapedWork> ParseOrreryRange(std::string_view text, std::string* why) {
  std::vector<std::string_view> words = Words(text.substr(std::min(kPrefix.size(), text.size())));
  ShapedWork work;
  if (words.empty() || !ParseOpKind(words.front(), &work.kind)) {
    *why = words.empty() ? "no kind" : "unknown kind '" + std::string(words.front()) + "'";
    return std::nullopt;
  }
  work.label = words.front();
  words.erase(words.begin());
  Fields fields(KeysOf(work.kind));
  if (!fields.Read(words, why)) return std::nullopt;
  work.shape = ShapeFrom(work.kind, fields);
  if (!fields.label().empty()) work.label = fields.label();
  const auto formula = FindCost(work.kind, work.shape);
  work.bytes = {fields.Of("bytes", formula ? formula->bytes : 0)};
  if (work.bytes.count > 0) return work;
  *why = std::holds_alternative<RowsShape>(work.shape) ? "no 'bytes', and no formula for this kind and size"
                                                       : "more bytes than any memory has";
  return std::nullopt;
}

std::optional<Sizes> ParseSizes(std::string_view text) { return SizesParser(text).Parse(); }

bool IsOperatorRange(std::string_view text) { return text.find(kSizes) != std::string_view::npos; }

std::optional<OperatorCall> ParseOperatorRange(std::string_view text) {
  const std::size_t at = text.find(kSizes);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view sizes = text.substr(at + kSizes.size());
  sizes = sizes.substr(0, sizes.find(", input_op_ids"));
  auto parsed = ParseSizes(sizes);
  if (!parsed) return std::nullopt;
  return OperatorCall{std::string(text.substr(0, text.find(", "))), std::move(*parsed)};
}

bool NamesAnOperator(std::string_view text) {
  return text.substr(0, text.find_first_of(", ")).find("::") != std::string_view::npos;
}

bool KnowsOperator(std::string_view name) { return FindOperator(name) != nullptr; }

std::optional<OperatorShape> ShapeOfOperator(const OperatorCall& call) {
  const OperatorRow* row = FindOperator(call.name);
  if (row == nullptr || std::max(row->a, row->b) >= call.sizes.size()) return std::nullopt;
  const auto shape = row->rule(call.sizes[row->a], call.sizes[row->b]);
  if (!shape) return std::nullopt;
  return OperatorShape{std::holds_alternative<GemmShape>(*shape), BlockScaled(*row, call), row->kind, *shape};
}

}  // namespace orrery::profiler
