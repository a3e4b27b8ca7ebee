#pragma once

#include "claims_image.hpp"
#include "pcre_pattern.hpp"
#include "policy/requirement.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::test {

using Values = std::vector<std::string_view>;

/// An operator with VALUEs that fit it.
struct Operation {
    const char *op;
    Values values;
};

inline const std::vector<Operation> &every_operation()
{
    static const std::vector<Operation> operations = {
        {"string", {"1"}}, {"integer", {"1"}}, {"boolean", {"true"}}, {"array", {"1"}},
        {"eq", {"1"}},     {"ne", {"1"}},      {"lt", {"1"}},         {"le", {"1"}},
        {"gt", {"1"}},     {"ge", {"1"}},      {"in", {"1", "2"}},    {"any", {"1", "2"}},
        {"all", {"1"}},    {"match", {".*"}},  {"exists", {}}};
    return operations;
}

struct Options {
    std::string_view delimiter;
    bool variables = false;  ///< in every VALUE
};

inline std::expected<policy::Requirement, std::string> compile(std::string_view path,
                                                               std::string_view op,
                                                               const Values &values,
                                                               Options options = {})
{
    const auto flags = std::make_unique<bool[]>(values.size() + 1);
    std::fill_n(flags.get(), values.size(), options.variables);
    return policy::Requirement::compile(*token::ClaimPath::parse(path), op, values,
                                        {flags.get(), values.size()}, options.delimiter,
                                        compile_pcre, nullptr);
}

/// The sentence that the configuration is refused with; empty when it is not.
inline std::string fault(std::string_view op, const Values &values, Options options = {})
{
    const auto requirement = compile("c", op, values, options);
    return requirement ? "" : requirement.error();
}

/// Whether `c OP VALUE…` holds for an object of claims.
inline bool holds_in(std::string_view claims, std::string_view op, const Values &values,
                     Options options = {})
{
    const auto requirement = compile("c", op, values, options);
    EXPECT_TRUE(requirement) << op << ": " << (requirement ? "" : requirement.error());
    return requirement && requirement->holds(Claims(claims).view(), values);
}

/// Whether `c OP VALUE…` holds for a claim `c` of this JSON.
inline bool holds(std::string_view claim, std::string_view op, const Values &values,
                  Options options = {})
{
    return holds_in("{\"c\":" + std::string(claim) + "}", op, values, options);
}

/// An operator and its negation for a claim: 'y' holds, 'n' the negation holds, '-' neither.
inline char judged(std::string_view claim, std::string_view op, const Values &values,
                   Options options = {})
{
    const bool yes = holds(claim, op, values, options);
    const bool no = holds(claim, '!' + std::string(op), values, options);
    EXPECT_FALSE(yes && no) << claim << ' ' << op;
    return yes ? 'y' : no ? 'n' : '-';
}

}  // namespace token_introspect::test
