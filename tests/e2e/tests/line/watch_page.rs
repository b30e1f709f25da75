//! Playback in a real browser.
use serde_json::Value;
use tokio::fs;
use vessel_e2e::browser::Browser;
use vessel_e2e::media;
use vessel_e2e::media::Studio;
use vessel_e2e::scene::play;
use vessel_e2e::specs::from_s3;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, tests};

tests! { the_watch_page_plays_and_switches_quality }

async fn the_watch_page_plays_and_switches_quality(cluster: &Cluster) {
    play(cluster, "watch", async |scene| {
        let studio = Studio::new();
        let song = fs::read(media::flac_24_bit(&studio).await).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-watch.flac", song)
            .await;
        let mut spec = from_s3(&key);
        spec["title"] = "Night <i>Drive</i>".into();
        scene.apply("night-drive", &spec).await;
        scene.ready("night-drive").await;
        let browser = Browser::open().await;
        let url = format!(
            "{}/watch/{}/night-drive",
            cluster.origin().await,
            scene.namespace
        );
        browser.page.goto(&url).await.unwrap();
        it_plays(&browser).await;
        quality_can_be_switched(&browser).await;
        let shown = browser.evaluate("document.body.innerText").await;
        assert!(
            shown.as_str().unwrap().contains("Night <i>Drive</i>"),
            "the title is text: {shown}"
        );
        browser.close().await;
    })
    .await;
}

/// Time advances by itself, or after a press of a key where the page asks for one.
async fn it_plays(browser: &Browser) {
    until("there is something to play", seconds(20), async || {
        let length = browser
            .evaluate("document.querySelector('#player').duration")
            .await;
        match length.as_f64() {
            Some(length) if (29.9..30.2).contains(&length) => Ok(()),
            _ => Err(format!("duration: {length}")),
        }
    })
    .await;
    browser
        .evaluate("void document.querySelector('#player').play()")
        .await;
    advances(browser, 2.0).await;
}

async fn advances(browser: &Browser, by: f64) {
    let from = time(browser).await;
    until("time advances", seconds(20), async || {
        let now = time(browser).await;
        if now >= from + by {
            Ok(())
        } else {
            Err(format!("{from} → {now}"))
        }
    })
    .await;
}

async fn time(browser: &Browser) -> f64 {
    let now = browser
        .evaluate("document.querySelector('#player').currentTime")
        .await;
    now.as_f64().unwrap_or_default()
}

/// Each rung of the ladder can be chosen, and what is loaded then is that rung.
async fn quality_can_be_switched(browser: &Browser) {
    let all = "Array.from(document.querySelectorAll('#quality option')).map(o => o.value)";
    let choices = until("the qualities are listed", seconds(10), async || {
        let choices = browser.evaluate(all).await;
        match choices.as_array() {
            // The four rungs, and the player's own choice.
            Some(list) if list.len() == 5 => Ok(list.clone()),
            _ => Err(choices.to_string()),
        }
    })
    .await;
    let labels = browser
        .evaluate("document.querySelector('#quality').innerText")
        .await;
    for rung in ["64k", "256k"] {
        let number = rung.trim_end_matches('k');
        let labels = labels.as_str().unwrap();
        let position = labels.lines().position(|label| label.contains(number));
        let choice = &choices[position.unwrap_or_else(|| panic!("no {number} in {labels:?}"))];
        switch(browser, choice, rung).await;
    }
}

async fn switch(browser: &Browser, choice: &Value, rung: &str) {
    let loaded = format!(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/audio-{rung}/') && e.name.endsWith('.m4s')).length"
    );
    let before = browser.evaluate(&loaded).await.as_u64().unwrap();
    let change = format!(
        "(() => {{ const q = document.querySelector('#quality'); q.value = {choice}; q.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }})()"
    );
    browser.evaluate(&change).await;
    until(
        &format!("segments of {rung} are loaded"),
        seconds(15),
        async || {
            let now = browser.evaluate(&loaded).await.as_u64().unwrap();
            if now > before {
                Ok(())
            } else {
                Err(format!("{before} → {now}"))
            }
        },
    )
    .await;
    advances(browser, 1.0).await;
}
