// accel_execute: the execution half of the sequencer: begins the operations of the program, each as soon as its station is free. The
// frame keeps their lines in order, so an operation begins while those before it are still at work.
//
// The operations of a batch begin in the order of the program. Those of two batches do not wait for each other: whichever can begin
// does; but each station takes them in the order in which they came, that of their reads and commands (accel_interleave).
// What linears and attention read and what they write are two operations here: see accel_pkg.
//
// An operation is over when its last line is written (or its last logit taken, or the token chosen).
//
// Latency:       6 cycles from s_valid_i to start_o of a free station; 5 cycles from operation to operation of a batch, 7 behind one
//                with two halves. One operation begins in two cycles, the first batch's before the second's.
// Back-pressure: an operation waits for its station, and those of its batch behind it wait too. End waits for all.
// Errors:        an operation whose lines lie outside the frame, or with none, raises error_o, number_o is its, and nothing begins until
//                the reset.
//
// Parameters:
//   Lanes    values of a line
//   Lines    of the frame, of a batch: those of the second lie behind those of the first
//   Tokens   of a batch at most
//   Batches  1, 2
module accel_execute
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Lines = 1024,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Batches = 1
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  step_t                    s_step_i,
    input  logic                     s_valid_i,
    output logic                     s_ready_o,
    input  logic                     stop_i,           // nothing more begins
    input  logic        [TokenPlaceW:0] count_i,       // tokens of the pass, stable during it
    output logic                     error_o,
    output logic                     end_o,            // the pass is over
    output logic        [      15:0] number_o,         // of the descriptor that begins, or is wrong; -1 before a pass's first
    // the operations under way, by station
    output logic        [ Stations-1:0] active_o,
    output descriptor_t [ Stations-1:0] op_o,
    output logic        [ Stations-1:0][TokenPlaceW-1:0] place_o,  // of the (first) token, in the pass
    output logic        [ Stations-1:0][TokenPlaceW:0] count_o,  // of tokens
    output logic        [ Stations-1:0] start_o,          // first cycle of active_o
    output logic        [ Stations-1:0][Stations-1:0] before_o,  // [u][v]: v began before u and is not over
    input  logic        [ Stations-1:0] done_i,
    // frame, with start_o
    output span_t                    first_o,
    output span_t                    second_o,
    output span_t                    third_o,
    output logic        [ LineW-1:0] vector_o,
    output span_t                    write_o,
    output tokens_t                  tokens_o,
    // commands of the engines, from start_o on until they are taken
    output logic                     m_rope_valid_o,
    input  logic                     m_rope_ready_i,
    output logic                     m_attention_valid_o,
    input  logic                     m_attention_ready_i,
    output logic                     m_vector_valid_o,
    input  logic                     m_vector_ready_i,
    output logic                     m_sampler_valid_o,
    input  logic                     m_sampler_ready_i
);
  localparam int unsigned Depth = 16;  // operations of a batch that wait
  logic [Stations-1:0] active_q;
  logic second_q;  // the next norm's station
  logic attention_q, vector_q, sampler_q;  // commands that are not taken
  logic [TokenPlaceW:0] rope_q;  // one a token
  logic [Batches-1:0] go;

  // ---- operations of each batch ----------------------------------------------------------------------------------------
  step_t [Batches-1:0] queued, step;
  tokens_t [Batches-1:0] tokens;
  span_t [Batches-1:0] first, second, third, write;
  logic [Batches-1:0][LineW-1:0] vector;
  logic [Batches-1:0][StationW-1:0] station;
  logic [Batches-1:0] room, queued_valid, take, ready, want, bad, feed, is_final;
  wire ends = queued_valid[0] && operation(queued[0].op) == OpEnd;
  wire s_take = s_valid_i && s_ready_o;
  wire begins = go != '0;
  assign s_ready_o = room[Batches > 1 ? s_step_i.batch : 0];

  for (genvar b = 0; b < Batches; b++) begin : gen_batch
    wire is_end = b == 0 && ends;
    logic [$clog2(Depth+1)-1:0] level;
    assign take[b] = (is_end ? ready == '1 && active_q == '0 && 32'(queued_valid) == 32'd1 : ready[b]) && !stop_i && !error_o;
    fifo #(.Width($bits(step_t)), .Depth(Depth)) u_queue (
        .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_step_i), .s_valid_i(s_valid_i && (Batches == 1 || 32'(s_step_i.batch) == b)),
        .s_ready_o(room[b]), .m_data_o(queued[b]), .m_valid_o(queued_valid[b]), .m_ready_i(take[b]), .level_o(level)
    );
    accel_prepare #(.Lanes(Lanes), .Lines(Lines), .Tokens(Tokens), .Batch(b == 1)) u_prepare (
        .clk_i, .rst_ni, .s_step_i(queued[b]), .s_valid_i(queued_valid[b] && !is_end && !stop_i && !error_o), .s_ready_o(ready[b]),
        .count_i, .second_i(second_q ^ norm_begins), .go_i(go[b]), .want_o(want[b]), .bad_o(bad[b]),
        .station_o(station[b]), .m_step_o(step[b]), .feed_o(feed[b]), .final_o(is_final[b]), .tokens_o(tokens[b]),
        .first_o(first[b]), .second_o(second[b]), .third_o(third[b]), .write_o(write[b]), .vector_o(vector[b])
    );
    wire unused = ^level;
  end

  // ---- whose turn it is at a station: norms are one, at their first ------------------------------------------------------
  function automatic logic [StationW-1:0] line_of(input logic [StationW-1:0] at);
    return (at == StationW'(Normer2)) ? StationW'(Normer) : at;
  endfunction
  logic [Stations-1:0][Batches-1:0] turn;  // by batch
  if (Batches == 1) begin : gen_one
    assign turn = '1;
    wire unused = ^{s_take, is_final};
  end else begin : gen_order
    for (genvar u = 0; u < Stations; u++) begin : gen_station
      logic head, valid, free;
      logic [$clog2(2*Depth+5)-1:0] level;
      wire came = s_take && operation(s_step_i.op) != OpEnd
          && ((feeds(s_step_i.op) && station_of(operation(s_step_i.op), 1'b0, 1'b1) == StationW'(u))
          || ((drains(s_step_i.op) || !feeds(s_step_i.op)) && station_of(operation(s_step_i.op), 1'b0, 1'b0) == StationW'(u)));
      logic gone;
      always_comb begin
        gone = 1'b0;
        for (int unsigned b = 0; b < Batches; b++) if (go[b] && is_final[b] && line_of(station[b]) == StationW'(u)) gone = 1'b1;
      end
      fifo #(.Width(1), .Depth(2 * Depth + 4)) u_order (
          .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_step_i.batch), .s_valid_i(came), .s_ready_o(free), .m_data_o(head),
          .m_valid_o(valid), .m_ready_i(gone), .level_o(level)
      );
      assign turn[u] = {valid && head, valid && !head};
      wire unused = ^level;
      a_free :
      assert property (@(posedge clk_i) disable iff (!rst_ni) came |-> free);
      a_there :
      assert property (@(posedge clk_i) disable iff (!rst_ni) gone |-> valid);
    end
  end

  // ---- begin -------------------------------------------------------------------------------------------------------------
  logic chosen;  // the batch whose operation begins
  logic [Batches-1:0] choice;  // it can, in the next cycle: what has just begun has left its mark then
  wire op_e now = operation(step[chosen].op);
  wire norm_begins = begins && now == OpRmsNorm;
  always_comb begin
    choice = '0;
    for (int unsigned b = 0; b < Batches; b++) begin
      if (want[b] && !active_q[station[b]] && turn[line_of(station[b])][b] && !stop_i && !error_o
          && !(station[b] == StationW'(AttendIn) && attention_q) && choice == '0) choice[b] = 1'b1;
    end
    chosen = Batches > 1 && !go[0];
  end

  assign active_o = active_q;
  assign m_rope_valid_o = rope_q != '0;
  assign m_attention_valid_o = attention_q;
  assign m_vector_valid_o = vector_q;
  assign m_sampler_valid_o = sampler_q;

  always_ff @(posedge clk_i) begin
    first_o  <= first[chosen];
    second_o <= second[chosen];
    third_o  <= third[chosen];
    write_o  <= write[chosen];
    vector_o <= vector[chosen];
    tokens_o <= tokens[chosen];
    if (begins) begin
      op_o[station[chosen]]    <= step[chosen].op;
      place_o[station[chosen]] <= tokens[chosen].first | batch_place(chosen, Tokens);
      count_o[station[chosen]] <= tokens[chosen].count;
    end
    for (int unsigned u = 0; u < Stations; u++) begin
      start_o[u] <= begins && StationW'(u) == station[chosen];
      if (begins && StationW'(u) == station[chosen]) before_o[u] <= active_q & ~done_i;
      else before_o[u] <= before_o[u] & ~done_i;
    end
    if (begins) number_o <= step[chosen].number;
    else if (bad != '0 && !error_o) number_o <= bad[0] ? step[0].number : step[Batches-1].number;
    if (!rst_ni) begin
      error_o     <= 1'b0;
      end_o       <= 1'b0;
      active_q    <= '0;
      start_o     <= '0;
      before_o    <= '0;
      rope_q      <= '0;
      attention_q <= 1'b0;
      vector_q    <= 1'b0;
      sampler_q   <= 1'b0;
      second_q    <= 1'b0;
      number_o    <= '1;
      go          <= '0;
    end else begin
      go <= begins ? '0 : choice;
      end_o <= ends && take[0];
      if (end_o) number_o <= '1;
      if (bad != '0) error_o <= 1'b1;
      for (int unsigned u = 0; u < Stations; u++)
        active_q[u] <= (active_q[u] && !done_i[u]) || (begins && StationW'(u) == station[chosen]);
      if (m_rope_valid_o && m_rope_ready_i) rope_q <= rope_q - (TokenPlaceW + 1)'(1);
      if (m_attention_ready_i) attention_q <= 1'b0;
      if (m_vector_ready_i) vector_q <= 1'b0;
      if (m_sampler_ready_i) sampler_q <= 1'b0;
      if (norm_begins) second_q <= !second_q;
      if (begins) begin
        if (now == OpRope) rope_q <= tokens[chosen].count;
        if (now == OpAttention && feed[chosen]) attention_q <= 1'b1;
        if (now == OpLinearTable && feed[chosen]) vector_q <= 1'b1;
        if (now inside {OpLinearSynth, OpGather} && !feed[chosen] && flag(step[chosen].op, FlagLogits)) sampler_q <= 1'b1;
      end
    end
  end

  a_over :
  assert property (@(posedge clk_i) disable iff (!rst_ni) (done_i & ~active_q) == '0);
  a_taken :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      begins |-> !(now == OpRope && m_rope_valid_o) && !(now == OpLinearTable && feed[chosen] && vector_q));
endmodule
