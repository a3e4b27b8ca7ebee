// The load: connections to nginx that each send the next token's request as soon as they have the
// answer to the last one.
//
//   client ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS
//
// It never sleeps. A client that did would have to be woken by nginx's worker, and the more often
// the slower the worker is: that would be charged to what makes it slow. The requests are made
// before the clock starts, so that ten thousand tokens cost the client as much as one does.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kGood = "HTTP/1.1 200 ";
constexpr std::size_t kSlots = 200'000;  // of the latency histogram, one microsecond each

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "client: %s\n", what);
    std::exit(1);
}

struct Connection {
    int socket = -1;
    std::size_t got = 0;
    Clock::time_point sent;
};

class Load {
public:
    Load(const sockaddr_in &address, std::vector<std::string> requests, std::size_t connections)
        : requests_(std::move(requests)),
          connections_(connections),
          epoll_(epoll_create1(0))
    {
        for (Connection &connection : connections_) {
            connection.socket = socket(AF_INET, SOCK_STREAM, 0);
            const int on = 1;
            setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = &connection;
            if (connect(connection.socket, reinterpret_cast<const sockaddr *>(&address),
                        sizeof address)
                    != 0
                || epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0)
            {
                fail("cannot connect");
            }
        }
    }

    void run(double seconds)
    {
        const Clock::time_point start = Clock::now();
        const Clock::time_point end =
            start
            + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
        for (Connection &connection : connections_) {
            send_next(connection, start);
        }
        Clock::time_point now = start;
        while (now < end) {
            epoll_event events[64];
            const int count = epoll_wait(epoll_, events, 64, 0);
            now = Clock::now();
            for (int i = 0; i < count; ++i) {
                receive(*static_cast<Connection *>(events[i].data.ptr), now);
            }
        }
        const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(now - start);
        std::printf("{\"requests\": %ld, \"microseconds\": %ld, ", answers_,
                    static_cast<long>(spent.count()));
        std::printf("\"p50\": %zu, \"p90\": %zu, \"p99\": %zu, \"longest\": %ld}\n",
                    percentile(0.5), percentile(0.9), percentile(0.99), longest_);
    }

private:
    void send_next(Connection &connection, Clock::time_point now)
    {
        const std::string &request = requests_[next_];
        next_ = next_ + 1 < requests_.size() ? next_ + 1 : 0;
        connection.got = 0;
        connection.sent = now;
        if (send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL)
            != static_cast<ssize_t>(request.size()))
        {
            fail("cannot send");
        }
    }

    void receive(Connection &connection, Clock::time_point now)
    {
        char buffer[4096];
        const ssize_t got = recv(connection.socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got <= 0) {
            fail("nginx has closed the connection");
        }
        const std::string_view text(buffer, static_cast<std::size_t>(got));
        if (connection.got == 0 && !text.starts_with(kGood)) {
            fail(std::string(text.substr(0, text.find('\r'))).c_str());
        }
        if (size_ == 0) {
            size_ = size_of(text);
        }
        connection.got += text.size();
        if (connection.got > size_) {
            fail("an answer is longer than the first one");
        }
        if (connection.got == size_) {
            const auto took = now - connection.sent;
            const long micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
            const auto slot = static_cast<std::size_t>(micros);
            longest_ = micros > longest_ ? micros : longest_;
            ++latencies_[slot < kSlots ? slot : kSlots - 1];
            ++answers_;
            send_next(connection, now);
        }
    }

    // All answers are as long as the first one.
    static std::size_t size_of(std::string_view answer)
    {
        constexpr std::string_view kLength = "Content-Length: ";
        const std::size_t length = answer.find(kLength);
        const std::size_t end = answer.find("\r\n\r\n");
        if (length == std::string_view::npos || end == std::string_view::npos) {
            fail("no whole head in the first packet of the answer");
        }
        return end + 4 + std::strtoul(answer.data() + length + kLength.size(), nullptr, 10);
    }

    std::size_t percentile(double part) const
    {
        long left = static_cast<long>(static_cast<double>(answers_) * part);
        std::size_t slot = 0;
        while (slot + 1 < kSlots && (left -= latencies_[slot]) > 0) {
            ++slot;
        }
        return slot;
    }

    std::vector<std::string> requests_;
    std::vector<Connection> connections_;
    std::vector<long> latencies_ = std::vector<long>(kSlots);
    int epoll_;
    std::size_t next_ = 0;
    std::size_t size_ = 0;
    long answers_ = 0;
    long longest_ = 0;
};

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 7) {
        fail("usage: client ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS");
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fail("not an IPv4 address");
    }

    std::vector<std::string> requests;
    std::ifstream tokens(argv[4]);
    for (std::string token; std::getline(tokens, token);) {
        requests.push_back("GET " + std::string(argv[3])
                           + " HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n"
                             "Accept: */*\r\nAuthorization: Bearer "
                           + token + "\r\n\r\n");
    }
    if (requests.empty()) {
        fail("no tokens");
    }

    Load load(address, std::move(requests), static_cast<std::size_t>(std::atoi(argv[5])));
    load.run(std::atof(argv[6]));
}
