#include "matcho_check.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

// The compiled matcho against one that walks the trees of the pattern and of the request as the
// words of the grammar say, for random pairs of both.

namespace token_introspect::policy {
namespace {

using Verdict = std::optional<bool>;  // nothing: neither yes nor no

Verdict both(Verdict a, Verdict b)
{
    if (a == false || b == false) {
        return false;
    }
    return a && b ? Verdict(true) : std::nullopt;
}

Verdict negated(Verdict a)
{
    return a ? Verdict(!*a) : std::nullopt;
}

Verdict either(Verdict a, Verdict b)
{
    return negated(both(negated(a), negated(b)));
}

bool is_null(const json_t *value)
{
    return value == nullptr || json_is_null(value);
}

bool equal_trees(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_value(a) == json_number_value(b);
    }
    if (json_is_array(a) && json_is_array(b)) {
        bool same = json_array_size(a) == json_array_size(b);
        for (std::size_t i = 0; same && i < json_array_size(a); ++i) {
            same = equal_trees(json_array_get(a, i), json_array_get(b, i));
        }
        return same;
    }
    if (json_is_object(a) && json_is_object(b)) {
        bool same = json_object_size(a) == json_object_size(b);
        for (const auto &[key, value] : json_members(a)) {
            const json_t *const other = json_object_getn(b, key.data(), key.size());
            same = same && other != nullptr && equal_trees(value, other);
        }
        return same;
    }
    return json_equal(a, b) != 0;
}

class Naive {
public:
    explicit Naive(const json_t *request) : request_(request) {}

    Verdict match(const json_t *pattern, const json_t *value) const
    {
        if (json_is_object(pattern)) {
            Verdict result = true;
            bool has_plain = json_object_size(pattern) == 0;
            for (const auto &[key, operand] : json_members(pattern)) {
                if (key.starts_with('$')) {
                    result = both(result, operation(key, operand, value));
                    continue;
                }
                has_plain = true;
                result =
                    both(result, match(operand, json_object_getn(value, key.data(), key.size())));
            }
            return has_plain ? both(result, json_is_object(value)) : result;
        }
        if (json_is_array(pattern)) {
            Verdict result = json_is_array(value);
            for (std::size_t i = 0; i < json_array_size(pattern); ++i) {
                result = both(result, match(json_array_get(pattern, i), json_array_get(value, i)));
            }
            return result;
        }
        if (!json_is_string(pattern)) {
            return value != nullptr && equal_trees(pattern, value);
        }
        const std::string text(json_text(pattern));
        if (text == "present?") {
            return !is_null(value);
        }
        if (text == "nil?") {
            return is_null(value);
        }
        if (text == "not-blank?") {
            return json_text(value).find_first_not_of(" \t\r\n") != std::string_view::npos;
        }
        if (text.starts_with('#')) {
            return json_is_string(value) ? search(text.substr(1), json_text(value)) : false;
        }
        if (text.starts_with('.')) {
            const json_t *const other = lookup(text);
            return is_null(value) || is_null(other) ? is_null(value) && is_null(other)
                                                    : equal_trees(value, other);
        }
        return json_is_string(value) && json_text(value) == text;
    }

    /// True when a search exceeded its limit: what ends there has no answer, though it may be
    /// decided by what comes later.
    [[nodiscard]] bool exceeded() const { return exceeded_; }

private:
    Verdict search(std::string_view expression, std::string_view text) const
    {
        const Verdict found = (*test::compile_limited(nullptr, expression))->search(text);
        exceeded_ = exceeded_ || !found;
        return found;
    }

    const json_t *lookup(std::string path) const
    {
        const json_t *value = request_;
        if (path.starts_with(".session.")) {
            path.erase(0, std::string_view(".session").size());
        }
        while (!path.empty()) {
            const std::size_t end = std::min(path.find('.', 1), path.size());
            const std::string name = path.substr(1, end - 1);
            path.erase(0, end);
            value = json_is_array(value) ? (std::ranges::all_of(name, isdigit)
                                                ? json_array_get(value, std::stoul(name))
                                                : nullptr)
                                         : json_object_get(value, name.c_str());
        }
        return value;
    }

    Verdict some(const json_t *pattern, const json_t *array) const
    {
        Verdict result = false;
        for (std::size_t i = 0; i < json_array_size(array); ++i) {
            result = either(result, match(pattern, json_array_get(array, i)));
        }
        return result;
    }

    Verdict operation(std::string_view name, const json_t *operand, const json_t *value) const
    {
        Verdict result = false;
        if (name == "$enum") {
            for (std::size_t i = 0; i < json_array_size(operand); ++i) {
                result =
                    *result || (value != nullptr && equal_trees(json_array_get(operand, i), value));
            }
        } else if (name == "$one-of" && json_is_array(operand)) {
            for (std::size_t i = 0; i < json_array_size(operand); ++i) {
                result = either(result, match(json_array_get(operand, i), value));
            }
        } else if (name == "$one-of") {
            const json_t *const array = lookup(std::string(json_text(operand)));
            for (std::size_t i = 0; !is_null(value) && i < json_array_size(array); ++i) {
                result = *result || equal_trees(json_array_get(array, i), value);
            }
        } else if (name == "$contains") {
            result = some(operand, value);
        } else if (name == "$every") {
            result = json_array_size(value) > 0;
            for (std::size_t i = 0; i < json_array_size(value); ++i) {
                result = both(result, match(operand, json_array_get(value, i)));
            }
        } else if (name == "$not") {
            result = negated(match(operand, value));
        } else if (name == "$present-all") {
            result = json_is_array(value);
            for (std::size_t i = 0; i < json_array_size(operand); ++i) {
                result = both(result, some(json_array_get(operand, i), value));
            }
        } else if (name == "$length") {
            result =
                json_is_array(value)
                && static_cast<json_int_t>(json_array_size(value)) == json_integer_value(operand);
        } else if (name == "$reference") {
            const json_t *const member = json_object_get(value, "reference");
            const std::string text(json_text(member != nullptr ? member : value));
            if (std::ranges::count(text, '/') == 1 && text.front() != '/' && text.back() != '/') {
                const std::size_t slash = text.find('/');
                const Json parts(json_pack("{s:s,s:s}", "resourceType",
                                           text.substr(0, slash).c_str(), "id",
                                           text.substr(slash + 1).c_str()));
                result = match(operand, parts.get());
            }
        } else {
            ADD_FAILURE() << name;
        }
        return result;
    }

    const json_t *request_;
    mutable bool exceeded_ = false;
};

/// JSON text from a small vocabulary, so that chance makes things equal now and then.
class Generator {
public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    std::string request()
    {
        std::string text = R"({"uri":)" + text_value() + R"(,"params":{)" + members(2, 1) + '}';
        for (const char *key : {"jwt", "token", "user", "client"}) {
            if (chance(80)) {
                text += ",\"" + std::string(key) + "\":{" + members(4, 3) + '}';
            }
        }
        if (chance(80)) {
            text += R"(,"role":)" + array(3, 2);
        }
        return text + '}';
    }

    std::string pattern(const json_t *request)
    {
        std::string text;
        for (const char *key : {"uri", "params", "jwt", "token", "user", "role"}) {
            if (chance(40)) {
                text += (text.empty() ? "\"" : ",\"") + std::string(key)
                        + "\":" + pattern(json_object_get(request, key), 4);
            }
        }
        if (text.empty()) {
            text = R"("uri":"present?")";
        }
        if (chance(10)) {
            return R"({"$not":{)" + text + "}}";
        }
        return chance(10) ? R"({"$one-of":[{"uri":"zz"},{)" + text + "}]}" : '{' + text + '}';
    }

private:
    bool chance(unsigned percent) { return random_() % 100 < percent; }

    template <std::size_t N> std::string pick(const char *const (&choice)[N])
    {
        return choice[random_() % N];
    }

    std::string key() { return pick({"a", "b", "c/d", "reference", "0"}); }

    std::string text_value()
    {
        return pick({R"("a")", R"("b")", R"("")", R"(" ")", R"("P/1")", R"("P/a")", R"("LIMIT")",
                     R"("abc")"});
    }

    std::string scalar()
    {
        return chance(60) ? text_value() : pick({"0", "1", "1.0", "1.5", "true", "false", "null"});
    }

    std::string value(unsigned depth)
    {
        if (depth == 0 || chance(40)) {
            return scalar();
        }
        return chance(50) ? '{' + members(3, depth - 1) + '}' : array(3, depth - 1);
    }

    std::string members(unsigned most, unsigned depth)
    {
        std::string text;
        std::vector<std::string> keys;
        for (unsigned i = random_() % (most + 1); i > 0; --i) {
            const std::string name = key();
            if (std::ranges::find(keys, name) == keys.end()) {
                text += (keys.empty() ? "\"" : ",\"") + name + "\":" + value(depth);
                keys.push_back(name);
            }
        }
        return text;
    }

    std::string array(unsigned most, unsigned depth)
    {
        std::string text;
        for (unsigned i = random_() % (most + 1); i > 0; --i) {
            text += (text.empty() ? "" : ",") + value(depth);
        }
        return '[' + text + ']';
    }

    std::string path()
    {
        std::string text =
            '.' + pick({"uri", "params", "jwt", "token", "user", "role", "session.role"});
        for (unsigned i = random_() % 3; i > 0; --i) {
            text += '.' + (chance(70) ? key() : pick({"0", "1"}));
        }
        return '"' + text + '"';
    }

    /// Made after the value as a rule, or it would hardly ever match.
    std::string pattern(const json_t *value, unsigned depth)
    {
        if (depth == 0 || chance(10)) {
            return word();
        }
        if (chance(35)) {
            return operation(value, depth - 1);
        }
        std::string text;
        if (json_is_object(value)) {
            for (const auto &[name, member] : json_members(value)) {
                if (chance(70)) {
                    text += (text.empty() ? "\"" : ",\"") + std::string(name)
                            + "\":" + pattern(member, depth - 1);
                }
            }
            return '{' + text + '}';
        }
        if (json_is_array(value)) {
            for (std::size_t i = 0; i < json_array_size(value) && chance(80); ++i) {
                text += (text.empty() ? "" : ",") + pattern(json_array_get(value, i), depth - 1);
            }
            return '[' + text + ']';
        }
        if (json_text(value) == "LIMIT" && chance(70)) {
            return R"("#[a]")";
        }
        if (is_null(value) || chance(20)) {
            return word();
        }
        char *const dumped = json_dumps(value, JSON_ENCODE_ANY);
        text = dumped;
        std::free(dumped);
        return text;
    }

    std::string word()
    {
        return chance(30) ? path()
                          : pick({R"("present?")", R"("nil?")", R"("not-blank?")", R"("#[a]")",
                                  R"("#^b$")", R"("a")", "1", "true", "{}", "[]"});
    }

    std::string operation(const json_t *value, unsigned depth)
    {
        const json_t *const element = json_array_get(
            value, json_array_size(value) > 0 ? random_() % json_array_size(value) : 0);
        switch (random_() % 9) {
        case 0:
            return R"({"$enum":[)" + text_value() + "," + pick({"1", "true", "1.5"}) + "]}";
        case 1:
            return R"({"$one-of":[)" + word() + ',' + pattern(value, depth) + "]}";
        case 2:
            return R"({"$one-of":)" + path() + '}';
        case 3:
            return R"({"$contains":)" + pattern(element, depth) + '}';
        case 4:
            return R"({"$every":)" + pattern(element, depth) + '}';
        case 5:
            return R"({"$not":)" + pattern(value, depth) + '}';
        case 6:
            return R"({"$reference":{"id":)" + word() + R"(,"resourceType":"P"}})";
        case 7:
            return R"({"$present-all":[)" + pattern(element, depth) + ',' + word()
                   + R"(],"$length":)" + std::to_string(json_array_size(value)) + '}';
        default:
            return R"({"$not":)" + word() + R"(,"a":)" + word() + '}';
        }
    }

    std::mt19937 random_;
};

TEST(MatchoRandom, AgreesWithTheNaiveOne)
{
    std::size_t yes = 0;
    std::size_t no = 0;
    std::size_t neither = 0;
    for (std::uint32_t seed = 0; seed < 1500; ++seed) {
        Generator generator(seed);
        const std::string request_text = generator.request();
        const Json request = test::json_from(request_text);
        test::JsonContext context(request_text);
        for (int i = 0; i < 40; ++i) {
            const std::string text = generator.pattern(request.get());
            const Json pattern = test::json_from(text);
            const Naive naive(request.get());
            const Verdict expected = naive.match(pattern.get(), request.get());
            (expected ? *expected ? yes : no : neither) += 1;

            const Json opposite(json_pack("{s:O}", "$not", pattern.get()));
            for (const auto &[tree, verdict] :
                 {std::pair{pattern.get(), expected}, {opposite.get(), negated(expected)}})
            {
                const auto matcho = Matcho::compile(tree, test::compile_limited, nullptr);
                ASSERT_TRUE(matcho) << matcho.error();
                const bool matches = matcho->matches(context);
                ASSERT_TRUE(matches ? verdict == true : verdict != true || naive.exceeded())
                    << "seed " << seed << '\n'
                    << request_text << '\n'
                    << text;
            }
        }
    }
    EXPECT_GT(yes, 1000U);
    EXPECT_GT(no, 1000U);
    EXPECT_GT(neither, 300U);
    RecordProperty("yes", static_cast<int>(yes));
    RecordProperty("no", static_cast<int>(no));
    RecordProperty("neither", static_cast<int>(neither));
}

}  // namespace
}  // namespace token_introspect::policy
