#include "profiler/measurement/classify.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "profiler/measurement/kernel_name.h"
#include "profiler/measurement/kernel_rows.h"

namespace orrery::profiler {
namespace {

/// Whether the letters of `word` are those of `pattern`, where a * stands for any.
bool MatchesWord(std::string_view pattern, std::string_view word) {
  std::size_t p = 0, w = 0, star = std::string_view::npos, tried = 0;
  while (w < word.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      tried = w;
    } else if (p < pattern.size() && pattern[p] == word[w]) {
      ++p;
      ++w;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      w = ++tried;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// The same, of words: a * alone stands for any number of them.
bool MatchesWords(std::span<const std::string_view> pattern, std::span<const std::string> words) {
  std::size_t p = 0, w = 0, star = pattern.size(), tried = 0;
  while (w < words.size()) {
    if (p < pattern.size() && pattern[p] == "*") {
      star = p++;
      tried = w;
    } else if (p < pattern.size() && MatchesWord(pattern[p], words[w])) {
      ++p;
      ++w;
    } else if (star < pattern.size()) {
      p = star + 1;
      w = ++tried;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "*") ++p;
  return p == pattern.size();
}

std::vector<std::string_view> SplitPattern(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool InScope(const KernelName& name, std::string_view scope) {
  if (scope.empty()) return true;
  if (scope == "::") return name.scopes.empty();
  if (scope.find("::") != std::string_view::npos)
    return ("::" + name.Path()).find("::" + std::string(scope) + "::") != std::string::npos;
  return std::any_of(name.scopes.begin(), name.scopes.end(),
                     [&](const std::string& s) { return MatchesWord(scope, s); });
}

struct Compiled {
  const KernelRow* row;
  std::vector<std::string_view> words;
};

const std::vector<Compiled>& Table() {
  static const std::vector<Compiled> table = [] {
    std::vector<Compiled> rows;
    for (const KernelRow& row : KernelRows()) rows.push_back({&row, SplitPattern(row.words)});
    return rows;
  }();
  return table;
}

/// Of a dense GEMM, by what it multiplies; only these two have prices.
std::optional<OpKind> GemmKindOf(ElementType type) {
  if (type == ElementType::kBf16) return OpKind::kGemmBf16;
  if (type == ElementType::kFp8) return OpKind::kGemmFp8;
  return std::nullopt;
}

}  // namespace

KernelClass ClassifyKernel(std::string_view raw) {
  const KernelName name = ParseKernelName(raw);
  for (const auto& [row, words] : Table()) {
    if (!InScope(name, row->scope) || !MatchesWords(words, name.words) ||
        !HoldsWord(name.arguments, row->argument)) {
      continue;
    }
    KernelClass found{row->library, row->group, row->kind, ElementType::kUnknown};
    if (row->group != KernelGroup::kOther) found.type = ElementTypeOf(name, row->type);
    if (row->kind_by_type) found.kind = GemmKindOf(found.type);
    return found;
  }
  return {"unknown", KernelGroup::kUnknown, std::nullopt, ElementType::kUnknown};
}

std::string_view Name(KernelGroup group) {
  constexpr std::array<std::string_view, 17> kNames = {"GEMM",
                                                       "attention core",
                                                       "attention pre/post",
                                                       "quantise, cast, transpose",
                                                       "activation",
                                                       "norm",
                                                       "routing",
                                                       "permute",
                                                       "RoPE",
                                                       "elementwise",
                                                       "reduce",
                                                       "optimizer",
                                                       "communication payload",
                                                       "communication sync",
                                                       "copy",
                                                       "other",
                                                       "unknown"};
  return kNames[static_cast<std::size_t>(group)];
}

bool IsCommunication(KernelGroup group) {
  return group == KernelGroup::kCommunication || group == KernelGroup::kCommunicationSync;
}

std::string ShortKernelName(std::string_view name, std::size_t width) {
  constexpr std::string_view kPlus = " + ";
  std::string text;
  for (std::size_t end = 0; !name.empty() && text.size() <= width;
       name.remove_prefix(std::min(end + kPlus.size(), name.size()))) {
    end = std::min(name.find(kPlus), name.size());
    text += (text.empty() ? "" : kPlus);
    text += ParseKernelName(name.substr(0, end)).Path();
  }
  if (text.size() > width) text = text.substr(0, width - 3) + "...";
  return text;
}

}  // namespace orrery::profiler
