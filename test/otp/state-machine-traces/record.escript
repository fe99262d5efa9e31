#!/usr/bin/env escript
%% -*- erlang -*-
%% Plays the scenarios of traces.jsonl on the real gen_statem and prints them with what was seen:
%%
%%     escript record.escript traces.jsonl > recorded && mv recorded traces.jsonl
%%
%% A line is JSON, which for lists, numbers and plain strings is also Erlang: [Scenario, Trace].
%%
%%   Scenario  [Entries, Events]
%%   Entries   [[State, [Answer]]]: what the enter calls of a state answer, one after the other, then keep
%%   Events    [[Name, [Answer]]]: casts, and what each answers when it is handled, and when it is retried, then keep
%%   Answer    [Result, State, [Action]]; Result is "next", "keep" or "repeat"
%%   Action    ["postpone"] | ["insert", Type, Name, [Answer]] | ["set", Timeout, Time, Name, [Answer]]
%%   Trace     [[Type, Name, State]]: each callback, in order; for "enter" the name is the old state
%%
%% Times are 0, "update", "cancel", "infinity" or too long to come. In the end every timeout is updated, so those that do not
%% run come at once, and a change to the state "end" brings back what was postponed.
-module(record).
-mode(compile).
-behaviour(gen_statem).
-export([main/1, init/1, callback_mode/0, handle_event/4]).

main([File]) ->
    {ok, Text} = file:read_file(File),
    Lines = string:lexemes(binary_to_list(Text), "\n"),
    [io:put_chars([line(Scenario), "\n"]) || [Scenario | _] <- [term(Line) || Line <- Lines]].

term(Line) ->
    {ok, Tokens, _} = erl_scan:string(Line ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

line(Scenario) ->
    ["[", json(Scenario), ",", json(play(Scenario)), "]"].

json(N) when is_integer(N) -> integer_to_list(N);
json([]) -> "[]";
json([C | _] = S) when is_integer(C) -> ["\"", S, "\""];
json(L) -> ["[", lists:join(",", [json(E) || E <- L]), "]"].

play([Entries, Events]) ->
    {ok, Pid} = gen_statem:start(?MODULE, Entries, []),
    [gen_statem:cast(Pid, Event) || Event <- Events],
    [gen_statem:cast(Pid, Event) || Event <- final()],
    Trace = gen_statem:call(Pid, trace),
    gen_statem:stop(Pid),
    Trace.

final() ->
    [["last", [["keep", "-", [["set", T, "update", "off-" ++ T, []] || T <- ["timeout", "state_timeout", "a", "b"]]]]],
     ["end", [["next", "end", []]]]].

callback_mode() -> [handle_event_function, state_enter].

init(Entries) ->
    {ok, "a", #{entries => Entries, seen => #{}, trace => []}}.

handle_event({call, From}, trace, _State, #{trace := Trace}) ->
    {keep_state_and_data, {reply, From, lists:reverse(Trace)}};
handle_event(enter, Old, State, #{entries := Entries} = Data) ->
    Answers = case lists:filter(fun([S, _]) -> S =:= State end, Entries) of
                  [[_, As]] -> As;
                  [] -> []
              end,
    answer({enter, State}, Answers, note(["enter", Old, State], Data));
handle_event(Type, [Name, Answers], State, Data) ->
    answer(Name, Answers, note([type(Type), Name, State], Data)).

note(Seen, #{trace := Trace} = Data) -> Data#{trace := [Seen | Trace]}.

type({timeout, Name}) -> Name;
type(Type) -> atom_to_list(Type).

answer(Key, Answers, #{seen := Seen} = Data) ->
    N = maps:get(Key, Seen, 0),
    Data1 = Data#{seen := Seen#{Key => N + 1}},
    case N < length(Answers) of
        false -> {keep_state, Data1};
        true ->
            [Result, State, Actions] = lists:nth(N + 1, Answers),
            As = [action(A) || A <- Actions],
            case Result of
                "next" -> {next_state, State, Data1, As};
                "keep" -> {keep_state, Data1, As};
                "repeat" -> {repeat_state, Data1, As}
            end
    end.

action(["postpone"]) -> postpone;
action(["insert", Type, Name, Answers]) -> {next_event, event_type(Type), [Name, Answers]};
action(["set", Timeout, "cancel", _, _]) -> {event_type(Timeout), cancel};
action(["set", Timeout, Time, Name, Answers]) -> {event_type(Timeout), time(Time), [Name, Answers]}.

event_type([_] = Name) -> {timeout, Name};
event_type(Type) -> list_to_existing_atom(Type).

time(Time) when is_integer(Time) -> Time;
time(Time) -> list_to_existing_atom(Time).
