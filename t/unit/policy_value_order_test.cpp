#include "policy/value_order.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

namespace token_introspect::policy {
namespace {

TEST(ValueOrder, IsTotalAndEqualWhereValuesAre)
{
    const test::Claims claims(R"({"v": [
        null, false, true, 0, -0.0, 1, 1.0, 1.5, -1, 9007199254740992, 9007199254740992.0,
        9007199254740993, 9223372036854775807, 1e300, -1e300, "", "a", "ab", "b", "é", [], [1],
        [1.0], [1, 2], [2], [[]], {}, {"a": 1}, {"a": 1.0}, {"a": 2}, {"a": 1, "b": 0}, {"b": 1},
        [{"a": [1]}], [{"a": [1, null]}]]})");
    const token::Value values = claims.find("v");
    for (std::size_t i = 0; i < values.size(); ++i) {
        for (std::size_t j = 0; j < values.size(); ++j) {
            const auto result = order(values.at(i), values.at(j));
            EXPECT_EQ(result == 0, equal(values.at(i), values.at(j))) << i << ' ' << j;
            EXPECT_EQ(result < 0, order(values.at(j), values.at(i)) > 0) << i << ' ' << j;
            for (std::size_t k = 0; k < values.size(); ++k) {
                const bool chained = result < 0 && order(values.at(j), values.at(k)) < 0;
                EXPECT_TRUE(!chained || order(values.at(i), values.at(k)) < 0)
                    << i << ' ' << j << ' ' << k;
            }
        }
    }
}

}  // namespace
}  // namespace token_introspect::policy
