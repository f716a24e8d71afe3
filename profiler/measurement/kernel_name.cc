#include "profiler/measurement/kernel_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <optional>

#include <cxxabi.h>

namespace orrery::profiler {
namespace {

constexpr std::size_t kMaxWraps = 4;  // launchers around launchers, as deep as they are looked into

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordCharacter(char c) { return IsUpper(c) || IsLower(c) || IsDigit(c) || c == '_'; }

// ---- Mangled names.

/// How often the text refers back to a part of itself ("S1_", "T_").
int BackReferences(std::string_view mangled) {
  int count = 0;
  for (std::size_t i = 0; i + 1 < mangled.size(); ++i) {
    if (mangled[i] != 'S' && mangled[i] != 'T') continue;
    std::size_t end = i + 1;
    while (end < mangled.size() && (IsDigit(mangled[end]) || IsUpper(mangled[end]))) ++end;
    count += end < mangled.size() && mangled[end] == '_';
  }
  return count;
}

std::optional<std::string> Demangle(const std::string& mangled) {
  // Two references can double what is printed, so that a short text could fill the memory: 24 of them print
  // at most 2^12 times the text, 64 MiB.
  constexpr int kMaxBackReferences = 24;
  constexpr std::size_t kMaxMangled = 16384;
  if (mangled.size() > kMaxMangled || BackReferences(mangled) > kMaxBackReferences) return std::nullopt;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::optional<std::string>(text.get()) : std::nullopt;
}

/// "8rms_norm..." begins with the length of an identifier and the identifier; moves `rest` behind it.
std::optional<std::string> TakeIdentifier(std::string_view* rest) {
  std::size_t length = 0, digits = 0;
  while (digits < rest->size() && digits < 4 && IsDigit((*rest)[digits]))
    length = 10 * length + static_cast<std::size_t>((*rest)[digits++] - '0');
  if (digits == 0 || length == 0) return std::nullopt;
  std::string identifier(rest->substr(digits, length));  // what there is of it, where the name is cut off
  rest->remove_prefix(std::min(digits + length, rest->size()));
  return identifier;
}

/// Scopes, function and the identifiers among the template's arguments of a mangled name, without the rules
/// of types: for names that are cut off or too long to demangle.
KernelName ParseMangled(std::string_view mangled) {
  KernelName name;
  std::string_view rest = mangled.substr(2);
  if (!rest.empty() && rest.front() == 'L') rest.remove_prefix(1);  // internal linkage
  if (!rest.empty() && rest.front() == 'N') rest.remove_prefix(1);
  bool anonymous = false;
  while (auto identifier = TakeIdentifier(&rest)) {
    anonymous = identifier->starts_with("_GLOBAL__N_");
    if (!anonymous) name.scopes.push_back(std::move(*identifier));
    if (!rest.empty() && rest.front() == 'L') rest.remove_prefix(1);
  }
  while (!rest.empty()) {
    if (rest.size() > 1 && rest[0] == 'L' && IsLower(rest[1])) {  // a number, "Lj7168E"
      rest.remove_prefix(std::min(rest.find('E'), rest.size()));
      continue;
    }
    const auto identifier = IsDigit(rest.front()) ? TakeIdentifier(&rest) : std::nullopt;
    if (identifier) {
      name.arguments += (name.arguments.empty() ? "" : " ") + *identifier;
    } else {
      rest.remove_prefix(1);
    }
  }
  if (!name.scopes.empty() && !anonymous) {  // else it ends before the function
    name.function = std::move(name.scopes.back());
    name.scopes.pop_back();
  }
  return name;
}

// ---- Demangled names.

constexpr std::string_view kAnonymous[] = {"(anonymous namespace)", "<unnamed>", "{anonymous}",
                                           "_GLOBAL__N__"};

/// Index behind the bracket that closes the one at `open`; the end if none does. Round brackets hide angle
/// brackets ("(8)>(0)", "->"), as C++ demands of comparisons among template arguments.
std::size_t BehindBracket(std::string_view text, std::size_t open) {
  int round = 0, angle = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '{' || c == '[') ++round;
    if (c == ')' || c == '}' || c == ']') --round;
    if (c == '<' && round == 0) ++angle;
    if (c == '>' && round == 0 && i > 0 && text[i - 1] != '-') --angle;
    if (round <= 0 && angle <= 0) return i + 1;
  }
  return text.size();
}

std::string_view Inside(std::string_view text, std::size_t open, std::size_t behind) {
  const bool closed =
      behind > open + 1 && std::string_view(")>}]").find(text[behind - 1]) != std::string_view::npos;
  return text.substr(open + 1, behind - open - 1 - (closed ? 1 : 0));
}

/// Walks a qualified name, leaving out return type, template arguments and parameters.
class Walker {
 public:
  /// A space at the end ("f<g<int> >" as one argument of another) separates nothing.
  explicit Walker(std::string_view text) : text_(text.substr(0, text.find_last_not_of(' ') + 1)) {}

  KernelName Walk() {
    while (at_ < text_.size() && !done_) Step();
    EndWord();
    if (!name_.scopes.empty()) {
      name_.function = std::move(name_.scopes.back());
      name_.scopes.pop_back();
    }
    return std::move(name_);
  }

 private:
  void Step() {
    if (SkipAnonymous()) return;
    const char c = text_[at_];
    if (c == ':' && text_.substr(at_).starts_with("::")) {
      EndWord();
      at_ += 2;
    } else if (c == '<' && !word_.ends_with("operator")) {
      const std::size_t behind = BehindBracket(text_, at_);
      name_.arguments = Inside(text_, at_, behind);
      at_ = behind;
    } else if (c == '(' || c == '{') {
      Bracket();
    } else if (c == ' ') {  // what stood before was the return type
      name_ = {};
      word_.clear();
      ++at_;
    } else {
      word_ += c;
      ++at_;
    }
  }
  /// Parameters, unless a scope follows them: then the function is the scope of what follows.
  void Bracket() {
    const std::size_t behind = BehindBracket(text_, at_);
    if (text_.substr(behind).starts_with("::")) {
      if (text_[at_] == '{') word_ = "lambda";
    } else if (text_[at_] == '(' && word_.ends_with("operator")) {
      word_ += "()";
    } else {
      name_.parameters = Inside(text_, at_, behind);
      done_ = true;
    }
    at_ = behind;
  }
  bool SkipAnonymous() {
    for (const std::string_view anonymous : kAnonymous) {
      if (!word_.empty() || !text_.substr(at_).starts_with(anonymous)) continue;
      const std::size_t behind = at_ + anonymous.size();
      if (anonymous == "_GLOBAL__N__" || !text_.substr(behind).starts_with("::")) continue;
      at_ = behind + 2;
      return true;
    }
    return false;
  }
  void EndWord() {
    if (!word_.empty()) name_.scopes.push_back(std::move(word_));
    word_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool done_ = false;
  KernelName name_;
};

/// Template arguments one by one.
std::vector<std::string_view> SplitArguments(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
    if (c != ',' || (depth > 0 && i < text.size())) continue;
    std::string_view part = text.substr(start, i - start);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    if (!part.empty()) parts.push_back(part);
    start = i + 1;
  }
  return parts;
}

/// Launchers that say nothing of what they launch: CUTLASS, Composable Kernel's tile library, Thrust.
bool IsLauncher(const KernelName& name) {
  constexpr std::array<std::string_view, 6> kLaunchers = {"device_kernel", "Kernel",        "Kernel2",
                                                          "kentry",        "_kernel_agent", "kernel_agent"};
  if (name.function.starts_with("enable_") && name.function.find("sm") != std::string::npos)
    return true;  // "enable_sm90_or_later<...>", "enable_3x_kernel_for_sm9x<...>"
  const bool scoped = !name.scopes.empty() && (name.scopes[0] == "cutlass" || name.scopes[0] == "ck_tile" ||
                                               name.scopes[0] == "thrust");
  return scoped && std::find(kLaunchers.begin(), kLaunchers.end(), name.function) != kLaunchers.end();
}

/// The first argument that is an instance of a template, as kernels are; else the first type (a launcher may
/// take the device's name or a number before the kernel).
std::string_view WrappedType(const KernelName& launcher) {
  std::string_view first;
  for (const std::string_view part : SplitArguments(launcher.arguments)) {
    if (IsDigit(part.front()) || part.front() == '(' || part == "true" || part == "false") continue;
    if (part.find('<') != std::string_view::npos) return part;
    if (first.empty()) first = part;
  }
  return first;
}

KernelName ParseDemangled(std::string_view text) {
  KernelName name = Walker(text).Walk();
  for (std::size_t wraps = 0; wraps < kMaxWraps && IsLauncher(name); ++wraps) {
    const std::string wrapped(WrappedType(name));
    if (wrapped.empty()) break;
    name = Walker(wrapped).Walk();
  }
  return name;
}

/// Without what an AMD code object adds: "f(int) [clone .kd]", "f.kd".
std::string_view WithoutSuffix(std::string_view name) {
  if (const std::size_t clone = name.find(" [clone "); clone != std::string_view::npos && clone > 0)
    name = name.substr(0, clone);
  if (name.size() > 3 && name.ends_with(".kd")) name.remove_suffix(3);
  return name;
}

}  // namespace

std::string KernelName::Path() const {
  std::string path;
  for (const std::string& scope : scopes) path += scope + "::";
  return path + function;
}

std::vector<std::string> NameWords(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const auto end = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i], before = i > 0 ? name[i - 1] : '_',
               after = i + 1 < name.size() ? name[i + 1] : '_';
    if (!IsUpper(c) && !IsLower(c) && !IsDigit(c)) {
      end();
      continue;
    }
    const bool moe = (c == 'E' && before == 'o' && i > 1 && name[i - 2] == 'M');  // "MoE" is one word
    const bool begins =
        IsUpper(c) && (IsLower(before) || IsDigit(before) || (IsUpper(before) && IsLower(after)));
    if (begins && !moe) end();
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (moe && !IsLower(after)) end();
  }
  end();
  return words;
}

bool HoldsWord(std::string_view text, std::string_view word) {
  if (word.empty()) return true;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t behind = at + word.size();
    const bool before = at > 0 && IsWordCharacter(text[at - 1]) && IsWordCharacter(word.front());
    const bool after = behind < text.size() && IsWordCharacter(text[behind]) && IsWordCharacter(word.back());
    if (!before && !after) return true;
  }
  return false;
}

KernelName ParseKernelName(std::string_view raw) {
  const std::string_view text = WithoutSuffix(raw);
  KernelName name;
  if (text.starts_with("_Z")) {
    const auto demangled = Demangle(std::string(text));
    name = demangled ? ParseDemangled(*demangled) : ParseMangled(text);
  } else {
    name = ParseDemangled(text);
  }
  if (name.function.empty() || text.starts_with('[')) name.function = raw;
  name.words = NameWords(name.function);
  return name;
}

}  // namespace orrery::profiler
