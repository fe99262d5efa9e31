%% The operations of processes/app.ts on the BEAM, for processes.bench.ts: one line "name<TAB>microseconds" each.
-module(processes).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

-define(BATCH, 1000).
-define(FLOOD, 20000).

init(_) -> {ok, 0}.
handle_call({add, By}, _From, Count) -> {reply, Count + By, Count + By}.
handle_cast({add, By}, Count) -> {noreply, Count + By}.

main() ->
    Runner = self(),
    spawn_opt(fun() ->
        report("one", measure(1)),
        report("two", measure(2)),
        {ok, Idle} = gen_server:start(?MODULE, [], []),
        erlang:garbage_collect(Idle),
        {memory, Bytes} = process_info(Idle, memory),
        io:format("idle\tbytes\t~p~n", [Bytes]),
        Runner ! done
    end, [{scheduler, 1}]),
    receive done -> halt() end.

report(Where, Results) ->
    [io:format("~s\t~s\t~p~n", [Where, Name, Micros]) || {Name, Micros} <- Results].

%% {scheduler, N} of spawn_opt binds a process to a scheduler; it is not documented, but has long been there.
measure(Scheduler) ->
    Me = self(),
    On = fun(F) -> spawn_opt(F, [{scheduler, Scheduler}]) end,
    Server = receive_pid(On(fun() -> {ok, P} = gen_server:start(?MODULE, [], [{spawn_opt, [{scheduler, Scheduler}]}]), Me ! {pid, P} end)),
    Sink = On(fun sink/0),
    Echo = On(fun echo/0),
    Nothing = fun() -> ok end,
    [
        {"spawn and exit", median(?BATCH, fun() ->
            repeat(?BATCH - 1, fun() -> spawn_opt(Nothing, [{scheduler, Scheduler}]) end),
            {_, Ref} = spawn_opt(Nothing, [monitor, {scheduler, Scheduler}]),
            receive {'DOWN', Ref, _, _, _} -> ok end
        end)},
        {"spawn with monitor, and DOWN", median(?BATCH, fun() ->
            repeat(?BATCH, fun() ->
                {_, Ref} = spawn_opt(Nothing, [monitor, {scheduler, Scheduler}]),
                receive {'DOWN', Ref, _, _, _} -> ok end
            end)
        end)},
        {"send, one way", median(?FLOOD, fun() ->
            repeat(?FLOOD, fun() -> Sink ! 1 end),
            Sink ! Me,
            receive done -> ok end
        end)},
        {"ping-pong, there and back", median(?BATCH, fun() ->
            repeat(?BATCH, fun() -> Echo ! Me, receive pong -> ok end end)
        end)},
        {"call", median(?BATCH, fun() ->
            repeat(?BATCH, fun() -> gen_server:call(Server, {add, 1}) end)
        end)},
        {"cast", median(?FLOOD, fun() ->
            repeat(?FLOOD, fun() -> gen_server:cast(Server, {add, 1}) end),
            gen_server:call(Server, {add, 1})
        end)}
    ].

receive_pid(_) -> receive {pid, P} -> P end.

sink() -> receive Pid when is_pid(Pid) -> Pid ! done, sink(); _ -> sink() end.
echo() -> receive Pid -> Pid ! pong, echo() end.

repeat(0, _) -> ok;
repeat(N, F) -> F(), repeat(N - 1, F).

%% The median of measurements for 0.6 s, after 0.2 s of warming up, as tinybench does it.
median(Operations, Run) ->
    _ = times(Run, 200, []),
    Times = lists:sort(times(Run, 600, [])),
    lists:nth((length(Times) + 1) div 2, Times) / 1000 / Operations.

times(Run, Milliseconds, _) ->
    Until = erlang:monotonic_time(millisecond) + Milliseconds,
    times_until(Run, Until, []).

times_until(Run, Until, Times) ->
    Start = erlang:monotonic_time(nanosecond),
    Run(),
    End = erlang:monotonic_time(nanosecond),
    case erlang:monotonic_time(millisecond) < Until of
        true -> times_until(Run, Until, [End - Start | Times]);
        false -> [End - Start | Times]
    end.
