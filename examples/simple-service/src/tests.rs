use super::*;

#[test]
fn reverses_what_is_one_character_to_the_eye() {
    assert_eq!(reversed("Hello"), "olleH");
    assert_eq!(reversed(""), "");
    assert_eq!(reversed("e\u{301}a"), "ae\u{301}", "an accent stays on its letter");
    assert_eq!(reversed("ab👩‍👩‍👧🇨🇭"), "🇨🇭👩‍👩‍👧ba", "a family and a flag stay whole");
}

#[test]
fn the_descriptor_of_the_pipe_is_one() {
    let options = ListenOptions { descriptor: DESCRIPTOR.parse().ok(), ..ListenOptions::default() };
    assert!(options.descriptor.is_some());
}

#[cfg(unix)]
mod conversation {
    use super::*;

    /// What a client gets back for the messages it writes.
    async fn answer(messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let listener = PipeListener::bind_path(&path, Mode::Message).await.unwrap();
        let serving = tokio::spawn(async move { serve(&listener, &mpsc::channel(1).0).await });
        let client = PipeConnection::connect(&path, Mode::Message).await.unwrap();
        for message in messages {
            client.write_message(message).await.unwrap();
        }
        client.finish();
        let mut answers = Vec::new();
        while let Some(answer) = client.read_message().await.unwrap() {
            answers.push(answer);
        }
        serving.abort();
        answers
    }

    #[tokio::test]
    async fn answers_a_text_and_hangs_up() {
        assert_eq!(answer(&[b"Hello\0"]).await, [b"olleH"]);
    }

    #[tokio::test]
    async fn answers_the_empty_text_with_an_empty_message() {
        assert_eq!(answer(&[b"\0"]).await, [b""]);
    }

    #[tokio::test]
    async fn takes_a_text_in_several_messages_and_ignores_what_follows_its_nul() {
        assert_eq!(answer(&[b"Hel", b"lo", b"\0more"]).await, [b"olleH"]);
    }

    #[tokio::test]
    async fn does_not_answer_what_never_ended() {
        assert!(answer(&[b"Hello"]).await.is_empty());
    }

    #[tokio::test]
    async fn does_not_answer_what_is_no_text() {
        assert!(answer(&[b"\xFF\0"]).await.is_empty());
    }

    #[tokio::test]
    async fn does_not_answer_more_than_it_takes() {
        let part = vec![b'a'; MAX_TEXT / 16];
        let parts: Vec<&[u8]> = std::iter::repeat_n(part.as_slice(), 17).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let listener = PipeListener::bind_path(&path, Mode::Message).await.unwrap();
        let serving = tokio::spawn(async move { serve(&listener, &mpsc::channel(1).0).await });
        let client = PipeConnection::connect(&path, Mode::Message).await.unwrap();
        // The service hangs up as soon as it has read too much, which may be before the last write.
        for part in parts {
            if client.write_message(part).await.is_err() {
                break;
            }
        }
        assert!(!matches!(client.read_message().await, Ok(Some(_))));
        serving.abort();
    }
}
