#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

namespace token_introspect::test {

/// \u and four hexadecimal digits for a UTF-16 code unit.
inline std::string json_escape(unsigned unit)
{
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "\\u%04x", unit);
    return text.data();
}

/// Texts by chance: JSON by its grammar, with a mistake here and there.
class JsonByChance {
public:
    std::string text()
    {
        std::string out = object(0);
        for (std::size_t mistakes = below(4); mistakes > 1; --mistakes) {
            const std::size_t at = below(out.size());
            switch (below(3)) {
            case 0:
                out.erase(at, 1 + below(2));
                break;
            case 1:
                out.insert(at, 1, kBytes[below(kBytes.size())]);
                break;
            default:
                out[at] = static_cast<char>(below(256));
                break;
            }
            if (out.empty()) {
                return out;
            }
        }
        return out;
    }

private:
    static constexpr std::string_view kBytes{
        "{}[]\",:\\ \n\0\x01ue0123456789.-+Eabtfn\xc3\xa9\xed\xa0", 37};

    std::size_t below(std::size_t limit) { return random_() % limit; }

    std::string space() { return below(4) != 0 ? "" : std::string(below(3), " \t\r\n"[below(4)]); }

    std::string digits(std::size_t most)
    {
        std::string out;
        for (std::size_t count = 1 + below(most); count > 0; --count) {
            out += static_cast<char>('0' + below(10));
        }
        return out;
    }

    std::string number()
    {
        std::string out = below(3) == 0 ? "-" : "";
        out +=
            below(3) == 0 ? "0" : std::to_string(1 + below(9)) + (below(2) != 0 ? digits(22) : "");
        out += below(3) == 0 ? "." + digits(25) : "";
        if (below(4) == 0) {
            out += std::string(below(2) != 0 ? "e" : "E") + std::array{"", "-", "+"}[below(3)]
                   + (below(3) != 0 ? digits(2) : digits(3));
        }
        return out;
    }

    std::string string(std::size_t most)
    {
        std::string out = "\"";
        for (std::size_t count = below(most); count > 0; --count) {
            switch (below(12)) {
            case 0:
                out += json_escape(static_cast<unsigned>(below(0x10000)));
                break;
            case 1:
                out += json_escape(0xd800U + static_cast<unsigned>(below(0x400)))
                       + json_escape(0xdc00U + static_cast<unsigned>(below(0x400)));
                break;
            case 2:
                out += std::array{"\\\"", "\\\\", "\\/", "\\n", "\\t", "\\b"}[below(6)];
                break;
            case 3:
                out += std::array{"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}[below(3)];
                break;
            default:
                out += "abcdefgh"[below(8)];
                break;
            }
        }
        return out + "\"";
    }

    std::string object(std::size_t depth)
    {
        std::string out = "{" + space();
        for (std::size_t i = 0, count = below(9 - depth); i < count; ++i) {
            out += (i == 0 ? "" : ",") + space() + string(8) + space() + ":" + value(depth + 1);
        }
        return out + space() + "}";
    }

    std::string array(std::size_t depth)
    {
        std::string out = "[" + space();
        for (std::size_t i = 0, count = below(6); i < count; ++i) {
            out += (i == 0 ? "" : ",") + value(depth + 1);
        }
        return out + "]";
    }

    std::string value(std::size_t depth)
    {
        switch (below(depth < 6 ? 9 : 7)) {
        case 0:
        case 1:
            return space() + string(40) + space();
        case 2:
        case 3:
        case 4:
            return space() + number() + space();
        case 5:
            return below(2) != 0 ? "true" : "false";
        case 6:
            return "null";
        case 7:
            return array(depth);
        default:
            return object(depth);
        }
    }

    std::mt19937_64 random_{1};
};

}  // namespace token_introspect::test
