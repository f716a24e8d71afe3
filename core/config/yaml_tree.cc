#include "core/config/yaml_tree.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "core/base/text.h"

namespace orrery::internal {
namespace {

constexpr std::size_t kMaxText = std::size_t{64} << 20;  // of all values and their paths

Place PlaceOf(const YAML::Mark& mark, const std::string& file) {
  return {file, mark.line < 0 ? 0 : mark.line + 1, mark.column < 0 ? 0 : mark.column + 1};
}

/// What a document has grown to. Aliases repeat what they name, so that a short text may stand for a huge
/// document.
struct Size {
  std::size_t values = 0, text = 0;

  void Add(const Place& place, std::size_t characters) {
    text += characters;
    if (++values <= kMaxValues && text <= kMaxText) return;
    throw InputError(
        place,
        fmt::format("the document grows beyond {} values or {} MiB of text once its aliases are followed",
                    kMaxValues, kMaxText >> 20));
  }
};

void RequireLevel(const Place& place, std::size_t level) {
  if (level > kMaxLevels) throw InputError(place, fmt::format("nested more than {} deep", kMaxLevels));
}

/// Counts a repeated tree at its new place: `level` and characters of the path to it.
void AddCopy(const Tree& tree, std::size_t level, std::size_t path, Size* size) {
  RequireLevel(tree.place, level);
  size->Add(tree.place, path + tree.scalar.size());
  for (const Tree& item : tree.items) AddCopy(item, level + 1, path + 4, size);
  for (const auto& [key, value] : tree.entries) AddCopy(value, level + 1, path + key.size() + 1, size);
}

/// Put behind a text as a comment: only a quote left open takes it in, which yaml-cpp does not report.
constexpr std::string_view kEndMark = "\n# end of the document\x1f\n";

/// yaml-cpp keeps every token of a bracketed list or map until its end, two for a structural character at
/// most, and some 100 bytes for each: for "[[[..." of 16 MiB that is more than 3 GB. Values that are few
/// enough have a comma, a colon, four quotes and two brackets each at most.
void RequireFewTokens(std::string_view text, const std::string& name) {
  constexpr std::string_view kStructural = "[]{},:\"'";
  const auto count = std::count_if(text.begin(), text.end(),
                                   [&](char c) { return kStructural.find(c) != std::string_view::npos; });
  if (static_cast<std::size_t>(count) > kStructural.size() * kMaxValues)
    throw InputError(Place{name}, fmt::format("the document grows beyond {} values", kMaxValues));
}

/// JSON is read as the YAML that it is; its author knows it by its own name.
std::string NotValid(const std::string& name) {
  return name.ends_with(".json") ? "not valid JSON: " : "not valid YAML: ";
}

/// "!!binary" of "tag:yaml.org,2002:binary".
std::string TagText(std::string_view tag) {
  constexpr std::string_view kYaml = "tag:yaml.org,2002:";
  return tag.starts_with(kYaml) ? "!!" + Clipped(tag.substr(kYaml.size())) : Clipped(tag);
}

/// Builds the tree from the parser's events, and stops it where a limit is reached.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& file) : file_(file) {}
  Tree Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) {
      throw InputError(PlaceOf(mark, file_),
                       "expected one YAML document, but another begins here (a line without its colon?)");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Leaf(mark, anchor, {}); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Value::Type::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Value::Type::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  /// A list or map that is not closed yet.
  struct Frame {
    Tree tree;
    YAML::anchor_t anchor;
    std::size_t path;                ///< characters of the path to it
    std::optional<std::string> key;  ///< of the next value, where it has been read
    Place key_place;
    std::set<std::string> keys;
  };

  bool ExpectsKey() const {
    return !frames_.empty() && frames_.back().tree.type == Value::Type::kMap && !frames_.back().key;
  }
  /// Characters of the path to the next value.
  std::size_t PathSize() const {
    if (frames_.empty()) return 0;
    const Frame& frame = frames_.back();
    return frame.path + (frame.key ? frame.key->size() + 1 : 4);
  }
  void RefuseTag(const Place& place, const std::string& tag) const {
    if (tag.empty() || tag == "?") return;
    throw InputError(place,
                     fmt::format("tag '{}': tags are not read, expected the value without", TagText(tag)));
  }
  void SetKey(const Place& place, const std::string& key) {
    if (key == "<<")
      throw InputError(place,
                       "merge keys (<<) are not read: expected the keys themselves, or an alias for the "
                       "whole map");
    if (!frames_.back().keys.insert(key).second)
      throw InputError(place, "key '" + Clipped(key) + "' appears twice");
    frames_.back().key = key;
    frames_.back().key_place = place;
  }
  void Leaf(const YAML::Mark& mark, YAML::anchor_t anchor, Tree tree);
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Value::Type type);
  void Close();
  /// Puts a whole value where it belongs.
  void Put(YAML::anchor_t anchor, Tree tree);

  const std::string& file_;
  bool started_ = false;
  Tree root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Tree> anchored_;
  Size size_;
};

void TreeBuilder::Leaf(const YAML::Mark& mark, YAML::anchor_t anchor, Tree tree) {
  tree.place = PlaceOf(mark, file_);
  if (ExpectsKey()) {
    if (tree.type != Value::Type::kScalar) throw InputError(tree.place, "expected a plain word as key");
    SetKey(tree.place, tree.scalar);
    if (anchor != 0) anchored_[anchor] = std::move(tree);
    return;
  }
  // A value that is not there is marked where the next thing stands, lines below perhaps.
  if (tree.type == Value::Type::kNull && !frames_.empty() && frames_.back().key)
    tree.place = frames_.back().key_place;
  RequireLevel(tree.place, frames_.size());
  size_.Add(tree.place, PathSize() + tree.scalar.size());
  Put(anchor, std::move(tree));
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  const Place place = PlaceOf(mark, file_);
  // Folded into the scalar, the line breaks of the mark are blanks.
  if (value.find(kEndMark.substr(1, kEndMark.size() - 2)) != std::string::npos)
    throw InputError(place, NotValid(file_) + "this quote is not closed");
  Tree tree;
  tree.type = Value::Type::kScalar;
  tree.scalar = value;
  tree.quoted = tag == "!";  // what yaml-cpp resolves a scalar in quotes to
  if (!tree.quoted) RefuseTag(place, tag);
  Leaf(mark, anchor, std::move(tree));
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto it = anchored_.find(anchor);
  if (it == anchored_.end()) throw InputError(PlaceOf(mark, file_), "this alias stands inside what it names");
  if (ExpectsKey()) {
    if (it->second.type != Value::Type::kScalar)
      throw InputError(PlaceOf(mark, file_), "expected a plain word as key");
    SetKey(PlaceOf(mark, file_), it->second.scalar);
    return;
  }
  AddCopy(it->second, frames_.size(), PathSize(), &size_);
  Put(0, it->second);
}

void TreeBuilder::Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       Value::Type type) {
  Frame frame{{}, anchor, PathSize(), {}, {}, {}};
  frame.tree.type = type;
  frame.tree.place = PlaceOf(mark, file_);
  if (ExpectsKey()) throw InputError(frame.tree.place, "expected a plain word as key");
  RefuseTag(frame.tree.place, tag);
  RequireLevel(frame.tree.place, frames_.size());
  size_.Add(frame.tree.place, frame.path);
  frames_.push_back(std::move(frame));
}

void TreeBuilder::Close() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  Put(frame.anchor, std::move(frame.tree));
}

void TreeBuilder::Put(YAML::anchor_t anchor, Tree tree) {
  if (anchor != 0) {
    AddCopy(tree, 0, 0, &size_);  // kept a second time
    anchored_[anchor] = tree;
  }
  if (frames_.empty()) {
    root_ = std::move(tree);
    return;
  }
  Frame& parent = frames_.back();
  if (parent.tree.type == Value::Type::kList) {
    parent.tree.items.push_back(std::move(tree));
  } else {
    parent.tree.entries.push_back({std::move(*parent.key), std::move(tree)});
    parent.key.reset();
  }
}

}  // namespace

Tree ParseYamlTree(std::string_view text, const std::string& name) {
  RequireUtf8(text, name);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool bracketed = first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  if (!bracketed) RequireLineFeeds(text, name);
  RequireFewTokens(text, name);
  TreeBuilder builder(name);
  try {
    std::istringstream stream{std::string(text) + std::string(kEndMark)};
    YAML::Parser parser(stream);
    // Twice, since a second document is refused. Until there is none would not do: where a line without its
    // colon ends the top map early, yaml-cpp reads the same leftover for ever.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    Place place = PlaceOf(e.mark, name);
    place.line = std::min(place.line, 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n')));
    throw InputError(place, NotValid(name) + Clipped(e.msg));
  }
  return builder.Take();
}

}  // namespace orrery::internal
