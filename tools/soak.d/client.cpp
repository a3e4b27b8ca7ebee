// The load of tools/soak: connections that each send the next request as soon as they have the
// answer to the last one, and compare the answer's status with what the request has to get.
//
//   client PORT FILE CONNECTIONS
//
// FILE has a request in each line: STATUS[/STATUS]... PATH TOKEN. In the token # stands for a number
// that no other request has; a token - is none. Until SIGTERM; then it waits for what is under way.
// Twice a second and at the end a line of JSON tells what was seen.
//
// A connection that was used before and is closed without an answer is the server's right (RFC 9112
// section 9.3.1): its request is sent again over a new one. On a new connection it is a lost request.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr long kShown = 10;  // unexpected answers of which the request is told

volatile std::sig_atomic_t stopping = 0;

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "client: %s\n", what);
    std::exit(1);
}

struct Request {
    std::vector<int> expected;
    std::string before;  // what stands before a token's number
    std::string after;
    bool numbered = false;
    std::string name;
};

struct Connection {
    int socket = -1;
    bool used = false;  // it has given an answer
    const Request *request = nullptr;
    std::string sent;
    std::string buffer;
    Clock::time_point since;
};

std::vector<Request> read_requests(const char *path)
{
    std::vector<Request> requests;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string statuses;
        std::string target;
        std::string token;
        words >> statuses >> target >> token;
        Request request;
        std::istringstream list(statuses);
        for (std::string status; std::getline(list, status, '/');) {
            request.expected.push_back(std::atoi(status.c_str()));
        }
        request.name = target + " " + token.substr(0, 60);
        std::string text = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n";
        if (token != "-") {
            text += "Authorization: Bearer " + token + "\r\n";
        }
        text += "\r\n";
        const std::size_t place = text.find('#');
        request.numbered = place != std::string::npos;
        request.before = text.substr(0, place);
        request.after = request.numbered ? text.substr(place + 1) : "";
        requests.push_back(std::move(request));
    }
    if (requests.empty()) {
        fail("no requests");
    }
    return requests;
}

class Load {
public:
    Load(std::uint16_t port, std::vector<Request> requests, std::size_t connections)
        : requests_(std::move(requests)),
          connections_(connections),
          epoll_(epoll_create1(0))
    {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }

    void run()
    {
        active_ = connections_.size();
        for (Connection &connection : connections_) {
            begin(connection);
        }
        Clock::time_point reported = Clock::now();
        while (active_ != 0) {
            std::array<epoll_event, 64> events;
            const int count = epoll_wait(epoll_, events.data(), events.size(), 100);
            for (int i = 0; i < count; ++i) {
                receive(*static_cast<Connection *>(events[static_cast<std::size_t>(i)].data.ptr));
            }
            const Clock::time_point now = Clock::now();
            if (now - reported > std::chrono::milliseconds(500)) {
                reported = now;
                look_for_late(now);
                report(false);
            }
        }
        report(true);
    }

private:
    void open(Connection &connection)
    {
        connection.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        connection.used = false;
        const int on = 1;
        setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(connection.socket, reinterpret_cast<const sockaddr *>(&address_),
                    sizeof address_)
            != 0)
        {
            fail("nginx does not accept a connection");
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &connection;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    }

    void close_connection(Connection &connection)
    {
        if (connection.socket >= 0) {
            close(connection.socket);
            connection.socket = -1;
        }
    }

    void begin(Connection &connection)
    {
        if (stopping != 0) {
            close_connection(connection);
            connection.request = nullptr;
            --active_;
            return;
        }
        const Request &request = requests_[random_() % requests_.size()];
        connection.request = &request;
        connection.sent = request.before;
        if (request.numbered) {
            connection.sent += std::to_string(++number_) + request.after;
        }
        connection.since = Clock::now();
        transmit(connection);
    }

    void transmit(Connection &connection)
    {
        if (connection.socket < 0) {
            open(connection);
        }
        connection.buffer.clear();
        // a request is smaller than any socket's buffer; what is lost is seen by receive()
        const ssize_t put =
            send(connection.socket, connection.sent.data(), connection.sent.size(), MSG_NOSIGNAL);
        (void) put;
    }

    void receive(Connection &connection)
    {
        char buffer[16384];
        const ssize_t got = recv(connection.socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            const bool again = connection.used && connection.buffer.empty();
            close_connection(connection);
            if (again) {
                ++resent_;
                transmit(connection);
            } else {
                settle(connection, 0,
                       connection.buffer.empty() ? "closed without an answer" : "cut off");
            }
            return;
        }
        connection.buffer.append(buffer, static_cast<std::size_t>(got));
        const std::string_view text = connection.buffer;
        const std::size_t end = text.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            return;
        }
        const std::string_view head = text.substr(0, end + 2);
        const std::size_t place = head.find("\r\nContent-Length: ");
        if (!head.starts_with("HTTP/1.1 ") || place == std::string_view::npos) {
            close_connection(connection);
            settle(connection, 0, "an answer without a length");
            return;
        }
        const std::size_t length = std::strtoul(head.data() + place + 18, nullptr, 10);
        if (text.size() < end + 4 + length) {
            return;
        }
        const int status = std::atoi(head.data() + 9);
        connection.used = true;
        if (head.find("\r\nConnection: close\r\n") != std::string_view::npos) {
            close_connection(connection);
        }
        settle(connection, status, "");
    }

    void settle(Connection &connection, int status, const char *failure)
    {
        const Request &request = *connection.request;
        ++answers_;
        ++by_[static_cast<std::size_t>(std::clamp(status, 0, 599))];
        longest_ = std::max(longest_, Clock::now() - connection.since);
        if (std::ranges::find(request.expected, status) == request.expected.end()) {
            ++unexpected_;
            if (unexpected_ <= kShown) {
                std::fprintf(stderr, "%s: %s\n", request.name.c_str(),
                             status != 0 ? std::to_string(status).c_str() : failure);
            }
        }
        begin(connection);
    }

    void look_for_late(Clock::time_point now)
    {
        for (Connection &connection : connections_) {
            if (connection.request != nullptr && now - connection.since > kPatience) {
                close_connection(connection);
                settle(connection, 0, "no answer in time");
            }
        }
    }

    void report(bool last)
    {
        std::printf("{\"requests\":%ld,\"unexpected\":%ld,\"resent\":%ld,\"longest\":%.3f,\"by\":{",
                    answers_, unexpected_, resent_,
                    std::chrono::duration<double>(longest_).count());
        const char *comma = "";
        for (std::size_t status = 0; status < by_.size(); ++status) {
            if (by_[status] != 0) {
                std::printf("%s\"%zu\":%ld", comma, status, by_[status]);
                comma = ",";
            }
        }
        std::printf("},\"last\":%s}\n", last ? "true" : "false");
        std::fflush(stdout);
    }

    std::vector<Request> requests_;
    std::vector<Connection> connections_;
    int epoll_;
    sockaddr_in address_{};
    std::mt19937 random_{1};  // NOLINT: the same run each time
    std::size_t active_ = 0;
    long number_ = 0;
    long answers_ = 0;
    long unexpected_ = 0;
    long resent_ = 0;
    Clock::duration longest_{};
    std::array<long, 600> by_{};
};

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        fail("usage: client PORT FILE CONNECTIONS");
    }
    std::signal(SIGTERM, [](int) { stopping = 1; });
    Load load(static_cast<std::uint16_t>(std::atoi(argv[1])), read_requests(argv[2]),
              static_cast<std::size_t>(std::atoi(argv[3])));
    load.run();
}
