use std::time::Duration;

use super::*;
use crate::kit::virtual_time::on_virtual_time;

/// Rings, and writes down when.
struct Sleeper {
    alarm: Alarm,
    rang: Rc<Cell<Option<Instant>>>,
}

impl Actor for Sleeper {
    type Context = Context<Self>;
}

impl OnAlarm for Sleeper {
    fn on_alarm(&mut self, _: &mut Context<Self>) {
        self.rang.set(Some(now()));
    }
}

/// What an actor does with its alarm once it runs, and after how long it rang.
fn rings_after(act: impl FnOnce(&mut Context<Sleeper>, &Alarm) + 'static) -> Option<Duration> {
    on_virtual_time(async {
        let (begin, rang) = (now(), Rc::new(Cell::new(None)));
        let shown = rang.clone();
        Sleeper::create(|ctx| {
            let alarm = Alarm::start(ctx);
            act(ctx, &alarm);
            Sleeper { alarm, rang }
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        shown.get().map(|at: Instant| at - begin)
    })
}

const MILLIS: Duration = Duration::from_millis(1);

#[test]
fn it_rings_at_its_deadline() {
    let rang = rings_after(|_, alarm| alarm.set(Some(now() + 5 * MILLIS)));
    assert_eq!(rang, Some(5 * MILLIS));
}

#[test]
fn it_rings_at_a_deadline_that_was_moved_ahead() {
    let rang = rings_after(|_, alarm| {
        alarm.set(Some(now() + 5 * MILLIS));
        alarm.set(Some(now() + 9 * MILLIS));
    });
    assert_eq!(rang, Some(9 * MILLIS));
}

#[test]
fn it_does_not_ring_without_a_deadline() {
    let rang = rings_after(|_, alarm| {
        alarm.set(Some(now() + 5 * MILLIS));
        alarm.set(None);
    });
    assert_eq!(rang, None);
}

/// Such a future stands behind the watch, and actix does not poll that one again by itself.
#[test]
fn it_rings_at_an_earlier_deadline_that_a_later_future_of_the_actor_sets() {
    let rang = rings_after(|ctx, alarm| {
        alarm.set(Some(now() + 900 * MILLIS));
        let wait = actix::fut::wrap_future::<_, Sleeper>(tokio::time::sleep(3 * MILLIS));
        ctx.spawn(wait.map(|(), actor, _| actor.alarm.set(Some(now() + 2 * MILLIS))));
    });
    assert_eq!(rang, Some(5 * MILLIS));
}

/// The timer rings at the old deadline, when nobody polls the actor for anything else.
#[test]
fn it_rings_at_a_later_deadline_that_was_set_while_the_timer_ran() {
    let rang = rings_after(|ctx, alarm| {
        alarm.set(Some(now() + 5 * MILLIS));
        let wait = actix::fut::wrap_future::<_, Sleeper>(tokio::time::sleep(2 * MILLIS));
        ctx.spawn(wait.map(|(), actor, _| actor.alarm.set(Some(now() + 100 * MILLIS))));
    });
    assert_eq!(rang, Some(102 * MILLIS));
}

#[test]
fn it_rings_at_a_deadline_that_was_set_after_the_timer_rang_for_none() {
    let rang = rings_after(|ctx, alarm| {
        alarm.set(Some(now() + 5 * MILLIS));
        let clear = actix::fut::wrap_future::<_, Sleeper>(tokio::time::sleep(2 * MILLIS));
        ctx.spawn(clear.map(|(), actor, _| actor.alarm.set(None)));
        let set = actix::fut::wrap_future::<_, Sleeper>(tokio::time::sleep(10 * MILLIS));
        ctx.spawn(set.map(|(), actor, _| actor.alarm.set(Some(now() + 5 * MILLIS))));
    });
    assert_eq!(rang, Some(15 * MILLIS));
}
