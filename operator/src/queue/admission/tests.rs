use super::*;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// `namespace/name` with a priority and an age.
fn candidate(namespace: &str, name: &str, priority: i32, created: i64) -> Candidate {
    Candidate {
        uid: format!("{namespace}/{name}"),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        priority,
        created: at(created),
    }
}

fn snapshot(max_running: u32, candidates: Vec<Candidate>) -> Snapshot {
    Snapshot {
        max_running: Some(max_running),
        candidates,
        ..Snapshot::default()
    }
}

fn running(count: u32) -> NamespaceState {
    NamespaceState {
        running: count,
        ..NamespaceState::default()
    }
}

fn started(snapshot: &Snapshot) -> Vec<String> {
    let turns = admit(snapshot);
    let now = turns.into_iter().filter(|(_, turn)| *turn == Turn::Now);
    now.map(|(uid, _)| uid).collect()
}

#[test]
fn the_higher_priority_goes_first_then_the_older() {
    let queue = snapshot(
        2,
        vec![
            candidate("a", "old", 0, 1),
            candidate("a", "new", 0, 9),
            candidate("a", "urgent", 10, 9),
        ],
    );
    assert_eq!(started(&queue), ["a/old", "a/urgent"]);
}

#[test]
fn what_runs_takes_room() {
    let mut queue = snapshot(
        3,
        vec![candidate("a", "one", 0, 1), candidate("a", "two", 0, 2)],
    );
    queue.namespaces.insert("b".to_owned(), running(2));
    assert_eq!(started(&queue), ["a/one"]);
    queue.namespaces.insert("b".to_owned(), running(5));
    assert_eq!(started(&queue), Vec::<String>::new());
    assert_eq!(
        admit(&queue).get("a/one"),
        Some(&Turn::Wait(WaitingReason::QueueFull))
    );
}

#[test]
fn namespaces_share_whatever_their_ages() {
    let mut candidates: Vec<_> = (0..10)
        .map(|n| candidate("big", &n.to_string(), 0, n))
        .collect();
    candidates.push(candidate("small", "only", 0, 100));
    assert_eq!(started(&snapshot(2, candidates)), ["big/0", "small/only"]);
}

#[test]
fn with_one_slot_the_namespace_that_was_served_longest_ago_is_next() {
    let mut queue = snapshot(
        1,
        vec![candidate("a", "old", 0, 1), candidate("b", "new", 0, 50)],
    );
    queue.namespaces.insert(
        "a".to_owned(),
        NamespaceState {
            last_served: Some(at(60)),
            ..NamespaceState::default()
        },
    );
    assert_eq!(started(&queue), ["b/new"]);
}

#[test]
fn a_weight_is_a_share() {
    let both = |namespace: &str| {
        (0..6)
            .map(|n| candidate(namespace, &n.to_string(), 0, n))
            .collect::<Vec<_>>()
    };
    let mut queue = snapshot(6, [both("double"), both("single")].concat());
    queue.namespaces.insert(
        "double".to_owned(),
        NamespaceState {
            policy: NamespacePolicy {
                weight: 2,
                ..NamespacePolicy::default()
            },
            ..NamespaceState::default()
        },
    );
    let started = started(&queue);
    assert_eq!(
        started
            .iter()
            .filter(|uid| uid.starts_with("double"))
            .count(),
        4
    );
}

#[test]
fn a_namespace_at_its_limit_says_so_and_blocks_nobody() {
    let mut queue = snapshot(
        9,
        vec![candidate("a", "one", 0, 1), candidate("b", "two", 0, 2)],
    );
    queue.namespaces.insert(
        "a".to_owned(),
        NamespaceState {
            policy: NamespacePolicy {
                max_running: Some(1),
                ..NamespacePolicy::default()
            },
            running: 1,
            last_served: None,
        },
    );
    let turns = admit(&queue);
    assert_eq!(
        turns.get("a/one"),
        Some(&Turn::Wait(WaitingReason::NamespaceLimit))
    );
    assert_eq!(turns.get("b/two"), Some(&Turn::Now));
}

#[test]
fn a_namespace_can_cap_its_priorities() {
    let mut queue = snapshot(
        1,
        vec![candidate("a", "loud", 1000, 9), candidate("a", "old", 5, 1)],
    );
    queue.namespaces.insert(
        "a".to_owned(),
        NamespaceState {
            policy: NamespacePolicy {
                max_priority: Some(0),
                ..NamespacePolicy::default()
            },
            ..NamespaceState::default()
        },
    );
    assert_eq!(started(&queue), ["a/old"]);
}

#[test]
fn without_limits_everybody_starts() {
    let queue = Snapshot {
        max_running: None,
        candidates: (0..50)
            .map(|n| candidate("a", &n.to_string(), 0, n))
            .collect(),
        ..Snapshot::default()
    };
    assert_eq!(started(&queue).len(), 50);
}

proptest! {
    /// Never more than the limits allow, never fewer than they and the candidates allow, and
    /// everybody gets an answer.
    #[test]
    fn the_budget_is_spent_and_never_exceeded(
        limit in 0_u32..8,
        own in proptest::option::of(0_u32..4),
        runs in 0_u32..5,
        waiting in proptest::collection::vec((0..3_usize, -3..3_i32, 0..20_i64), 0..20),
    ) {
        let names = ["a", "b", "c"];
        let candidates: Vec<_> = waiting
            .iter()
            .enumerate()
            .map(|(n, (lane, priority, created))| candidate(names[*lane], &n.to_string(), *priority, *created))
            .collect();
        let mut queue = snapshot(limit, candidates.clone());
        let policy = NamespacePolicy { max_running: own, ..NamespacePolicy::default() };
        queue.namespaces.insert("a".to_owned(), NamespaceState { policy, running: runs, last_served: None });
        let turns = admit(&queue);
        prop_assert_eq!(turns.len(), candidates.len());
        let now = |lane: &str| {
            let of_lane = candidates.iter().filter(|c| c.namespace == lane);
            of_lane.filter(|c| turns[&c.uid] == Turn::Now).count()
        };
        let (a, others) = (now("a"), now("b") + now("c"));
        let free = limit.saturating_sub(runs) as usize;
        prop_assert!(a + others <= free);
        let free_in_a = own.map_or(usize::MAX, |own| own.saturating_sub(runs) as usize);
        prop_assert!(a <= free_in_a);
        let waiting_in_a = candidates.iter().filter(|c| c.namespace == "a").count();
        let could = candidates.len() - waiting_in_a + waiting_in_a.min(free_in_a);
        prop_assert_eq!(a + others, free.min(could));
    }
}
