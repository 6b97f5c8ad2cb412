// linear_covq_packet: splits a group's packet from the index port into start values and index beats.
//
//   packet = slots*Units/8 beats of start values (8 of 32 bits a beat), then header and index beats up to tlast
//
// The start values wait in a queue as deep as a full group, because lut2d wants them at its first drain and the indices
// before that; so one port and one contiguous read carry both.
//
// Latency:      start values 4 cycles, index beats 1 cycle.
// Throughput:   one beat a cycle in; one start word (DrainW values) a cycle out.
// Back-pressure: a packet's start values wait until the former packet's have left the queue.
//
// Parameters: Units, Slots, DrainW, BeatW as in lut2d
module linear_covq_packet #(
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 16,
    parameter int unsigned DrainW = 2,
    parameter int unsigned BeatW = 256
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 clear_i,
    input  logic [          7:0] s_job_slots_i,
    input  logic                 s_job_valid_i,
    output logic                 s_job_ready_o,
    input  logic [    BeatW-1:0] s_axis_tdata,
    input  logic                 s_axis_tlast,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    output logic [    BeatW-1:0] m_axis_idx_tdata,
    output logic                 m_axis_idx_tvalid,
    input  logic                 m_axis_idx_tready,
    output logic [DrainW*32-1:0] m_axis_start_tdata,
    output logic                 m_axis_start_tvalid,
    input  logic                 m_axis_start_tready
);
  localparam int unsigned StartBeats = Units * 32 / BeatW;  // of one slot
  localparam int unsigned Depth = (Slots * StartBeats < 4) ? 4 : Slots * StartBeats;
  localparam int unsigned Words = BeatW / (DrainW * 32);
  localparam int unsigned WordW = (Words > 1) ? $clog2(Words) : 1;
  localparam int unsigned CountW = 8 + $clog2(StartBeats + 1);

  if (Units * 32 % BeatW != 0) $error("%m: Units*32 is %0d, allowed: multiples of BeatW = %0d", Units * 32, BeatW);
  if (BeatW % (DrainW * 32) != 0) $error("%m: DrainW*32 is %0d, allowed: divisors of BeatW", DrainW * 32);

  logic active_q;
  logic [CountW-1:0] left_q;  // start beats still to come
  logic start_ready, idx_ready, word_valid;
  logic [BeatW-1:0] word_beat;
  logic [WordW-1:0] word_q;
  logic [$clog2(Depth+3)-1:0] unused_level;

  wire in_start = left_q != '0;
  wire take = s_axis_tvalid && s_axis_tready;
  wire last_word = word_q == WordW'(Words - 1);

  assign s_job_ready_o = !active_q;
  assign s_axis_tready = active_q && (in_start ? start_ready : idx_ready);

  always_ff @(posedge clk_i) begin
    if (s_job_valid_i && s_job_ready_o) left_q <= CountW'(s_job_slots_i) * CountW'(StartBeats);
    else if (take && in_start) left_q <= left_q - CountW'(1);
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else if (s_job_valid_i && s_job_ready_o) active_q <= 1'b1;
    else if (take && s_axis_tlast) active_q <= 1'b0;
  end

  spill_register #(
      .Width(BeatW)
  ) i_idx (
      .clk_i,
      .rst_ni   (rst_ni && !clear_i),
      .s_data_i (s_axis_tdata),
      .s_valid_i(s_axis_tvalid && active_q && !in_start),
      .s_ready_o(idx_ready),
      .m_data_o (m_axis_idx_tdata),
      .m_valid_o(m_axis_idx_tvalid),
      .m_ready_i(m_axis_idx_tready)
  );

  fifo_block #(
      .Width(BeatW),
      .Depth(Depth)
  ) i_start (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i (s_axis_tdata),
      .s_valid_i(s_axis_tvalid && active_q && in_start),
      .s_ready_o(start_ready),
      .m_data_o (word_beat),
      .m_valid_o(word_valid),
      .m_ready_i(m_axis_start_tready && last_word),
      .level_o  (unused_level)
  );

  assign m_axis_start_tdata  = word_beat[word_q*DrainW*32+:DrainW*32];
  assign m_axis_start_tvalid = word_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) word_q <= '0;
    else if (word_valid && m_axis_start_tready) word_q <= last_word ? '0 : word_q + WordW'(1);
  end

  a_start_before_end :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) take && s_axis_tlast |-> !in_start);
endmodule
